"""What open_clip knows of a model: its shape, its own preprocessing, its network with verified weights, its words."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from medsift.encoders import View
from medsift.encoders._checkpoint import is_torchscript, read_for, torchscript_state
from medsift.encoders._model_files import (
    NO_FILES,
    OPEN_CLIP_CONFIG,
    TEXT_CONFIG,
    TOKENIZER,
    TOKENIZER_EXTRAS,
    Config,
    Files,
    has_transformers_text,
    needs_tokenizer,
    open_clip_config,
    require_plain_tokenizer,
    text_config,
)
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


def configuration(model_name: str, files: Files = NO_FILES) -> Config:
    """Shapes of a model: of the config among its `files`, else open_clip's own of that name.

    Raises `SettingError` for a model that open_clip does not know or that has no vectors for words and pictures alone,
    `WeightsError` for a config that cannot be used. Names with a colon are no models here: open_clip would look for
    those on a hub.
    """
    declare_torchvision_operators()
    import open_clip

    if OPEN_CLIP_CONFIG in files:
        return open_clip_config(model_name, files[OPEN_CLIP_CONFIG])[0]
    known: Config | None = None if ":" in model_name else open_clip.get_model_config(model_name)
    if known is None or "multimodal_cfg" in known:
        raise SettingError(
            "clip_model",
            model_name,
            "a model that open_clip knows and that writes no texts, such as ViT-B-32-quickgelu, "
            f"or one imported from a folder with its {OPEN_CLIP_CONFIG}",
        )
    return known


def preprocessing(model_name: str, tag: str, size: int = 0, files: Files = NO_FILES) -> Preprocessing:
    """The model's own preprocessing as trained by `tag`, or by all of its trainings where they agree.

    Of a model whose config is among its `files` it stands there. `size` 0 is the model's own. Raises `WeightsError`
    where a tag has to be named, or does not fit the model.
    """
    own = configuration(model_name, files)
    mean, deviation, interpolation, resize_mode, is_quick = _trained(model_name, tag, files)
    if tag and is_quick != bool(own.get("quick_gelu")):
        other = model_name.removesuffix("-quickgelu") + ("-quickgelu" if is_quick else "")
        raise WeightsError(f"The training {tag!r} does not fit {model_name}; it is one of {other}.")
    size = size or int(own["vision_cfg"].get("image_size", 224))
    if resize_mode == "longest":
        raise WeightsError(f"{model_name} pads its pictures, which medsift does not.")
    view = View(size, "squash" if resize_mode == "squash" else "crop", resize=size, resample=interpolation)
    return Preprocessing(view, mean, deviation)


def load_network(model_name: str, path: Path, size: int = 0, files: Files = NO_FILES) -> Any:
    """The network with the weights of a verified file; raises `WeightsError` where they do not fit."""
    declare_torchvision_operators()
    import open_clip
    from open_clip.model import resize_pos_embed

    config = configuration(model_name, files)
    is_timm = bool(config["vision_cfg"].get("timm_model_name"))  # such a tower changes its size with its weights in it
    network = _built(model_name, 0 if is_timm else size, files)
    is_taken_for_bert = has_transformers_text(config) and TEXT_CONFIG not in files
    hint = f"Without a {TEXT_CONFIG} beside them its text tower is taken for BERT's." if is_taken_for_bert else ""
    with read_for(model_name, path, hint):
        if is_torchscript(path):
            stored = torchscript_state(path)
            resize_pos_embed(stored, network)
            network.load_state_dict({name: tensor for name, tensor in stored.items() if name in network.state_dict()})
        else:
            open_clip.load_checkpoint(network, str(path), weights_only=True)
    if is_timm and size:
        network.visual.set_input_size(size)
    return network.eval().requires_grad_(False)


def load_tokenizer(model_name: str, files: Files = NO_FILES) -> Callable[[list[str]], Any]:
    """What cuts texts for the model, to int64 (n, context length); raises `WeightsError` where its files are of no use.

    transformers reads data alone: no code beside them, no hub, whatever the environment says.
    """
    import open_clip

    options = {}
    if needs_tokenizer(configuration(model_name, files)):
        require_plain_tokenizer(model_name, files)
        options = {"local_files_only": True, "trust_remote_code": False}
    with _as_open_clip_reads(model_name, files) as name:
        try:
            tokenizer: Callable[[list[str]], Any] = open_clip.get_tokenizer(name, **options)
            tokenizer(["a picture"])  # some faults show at the first text
        except Exception as error:  # noqa: BLE001  the reader of tokenizer.json raises nothing narrower
            raise WeightsError(f"The tokenizer of {model_name} cannot be used: {str(error)[:300]}") from None
    return tokenizer


def _built(model_name: str, size: int, files: Files) -> Any:
    import open_clip

    with _as_open_clip_reads(model_name, files) as name:
        try:
            return open_clip.create_model(
                name, load_weights=False, pretrained_text=False, force_image_size=size or None
            )
        except Exception as error:  # shapes that came with weights may be any nonsense
            if not files.keys() & {OPEN_CLIP_CONFIG, TEXT_CONFIG}:
                raise
            raise WeightsError(f"The config of {model_name} makes no network: {str(error)[:300]}") from None


@contextmanager
def _as_open_clip_reads(model_name: str, files: Files) -> Iterator[str]:
    """The model's name for open_clip: a folder with its config and verified files, and nothing else to be found."""
    config = configuration(model_name, files)
    with TemporaryDirectory(prefix="medsift-model-") as made:
        folder = Path(made)
        for file in files.keys() & {*TOKENIZER, *TOKENIZER_EXTRAS}:
            (folder / file).write_bytes(files[file])
        if has_transformers_text(config):
            config["text_cfg"]["hf_model_name"] = made
            (folder / TEXT_CONFIG).write_text(json.dumps(text_config(model_name, files.get(TEXT_CONFIG))))
        (folder / OPEN_CLIP_CONFIG).write_text(json.dumps({"model_cfg": config}))
        yield f"local-dir:{made}"


def _trained(model_name: str, tag: str, files: Files) -> Training:
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(model_name)
    if tag and tag not in tags:
        raise WeightsError(
            f"open_clip knows no training {tag!r} of {model_name}; it knows {', '.join(tags) or 'none'}."
        )
    if OPEN_CLIP_CONFIG in files:
        return _own(open_clip_config(model_name, files[OPEN_CLIP_CONFIG])[1])
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
