"""What open_clip knows of a model: its shape, its own preprocessing, its network with verified weights, its words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medsift.encoders import View
from medsift.encoders._checkpoint import is_torchscript, read_for, torchscript_state
from medsift.encoders._torch import declare_torchvision_operators
from medsift.errors import SettingError, WeightsError

Colour = tuple[float, float, float]
Resample = Literal["bicubic", "bilinear"]
Training = tuple[Colour, Colour, Resample, str, bool]  # mean, deviation, interpolation, resize mode, QuickGELU


@dataclass(frozen=True)
class Preprocessing:
    """A model's own: one view, mean and deviation per channel of values between 0 and 1."""

    view: View
    mean: Colour
    deviation: Colour


def configuration(model_name: str) -> dict[str, Any]:
    """Shapes of a model; raises `SettingError` for one that open_clip does not know.

    Names with a colon are no models here: open_clip would look for those on a hub.
    """
    declare_torchvision_operators()
    import open_clip

    known: dict[str, Any] | None = None if ":" in model_name else open_clip.get_model_config(model_name)
    if known is None:
        raise SettingError("clip_model", model_name, "a model that open_clip knows, such as ViT-B-32-quickgelu")
    if "hf_tokenizer_name" in known["text_cfg"] or "hf_model_name" in known["text_cfg"]:
        raise SettingError(
            "clip_model", model_name, "a model with open_clip's own tokenizer (this one's would have to be downloaded)"
        )
    return known


def preprocessing(model_name: str, tag: str, size: int = 0) -> Preprocessing:
    """The model's own preprocessing as trained by `tag`, or by all of its trainings where they agree.

    `size` 0 is the model's own. Raises `WeightsError` where a tag has to be named, or does not fit the model.
    """
    own = configuration(model_name)
    mean, deviation, interpolation, resize_mode, is_quick = _trained(model_name, tag)
    if tag and is_quick != bool(own.get("quick_gelu")):
        other = model_name.removesuffix("-quickgelu") + ("-quickgelu" if is_quick else "")
        raise WeightsError(f"The training {tag!r} does not fit {model_name}; it is one of {other}.")
    size = size or int(own["vision_cfg"]["image_size"])
    if resize_mode == "longest":
        raise WeightsError(f"{model_name} pads its pictures, which medsift does not.")
    view = View(size, "squash" if resize_mode == "squash" else "crop", resize=size, resample=interpolation)
    return Preprocessing(view, mean, deviation)


def load_network(model_name: str, path: Path, size: int = 0) -> Any:
    """The network with the weights of a verified file; raises `WeightsError` where they do not fit."""
    declare_torchvision_operators()
    import open_clip
    from open_clip.model import resize_pos_embed

    network = open_clip.create_model(
        model_name, load_weights=False, pretrained_text=False, force_image_size=size or None
    )
    with read_for(model_name, path):
        if is_torchscript(path):
            stored = torchscript_state(path)
            resize_pos_embed(stored, network)
            network.load_state_dict({name: tensor for name, tensor in stored.items() if name in network.state_dict()})
        else:
            open_clip.load_checkpoint(network, str(path), weights_only=True)
    return network.eval().requires_grad_(False)


def _trained(model_name: str, tag: str) -> Training:
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(model_name)
    if tag and tag not in tags:
        raise WeightsError(
            f"open_clip knows no training {tag!r} of {model_name}; it knows {', '.join(tags) or 'none'}."
        )
    found = {_own(open_clip.get_pretrained_cfg(model_name, each)) for each in ([tag] if tag else tags)}
    if not found:
        return (*_openai_colours(), "bicubic", "shortest", False)
    if len(found) > 1:
        raise WeightsError(
            f"Trainings of {model_name} take pictures in different ways.",
            f"Say which it is by importing with --tag, one of {', '.join(tags)}.",
        )
    (only,) = found
    return only


def _own(stated: dict[str, Any]) -> Training:
    openai_mean, openai_deviation = _openai_colours()
    return (
        tuple(stated.get("mean") or openai_mean),
        tuple(stated.get("std") or openai_deviation),
        stated.get("interpolation") or "bicubic",
        stated.get("resize_mode") or "shortest",
        bool(stated.get("quick_gelu")),
    )


def _openai_colours() -> tuple[Colour, Colour]:
    import open_clip

    return open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
