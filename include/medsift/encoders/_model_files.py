"""Files that come beside a model's weights: which ones it needs, and its configs, of which nothing is taken on trust.

They come from whoever passed the weights on. What a config may say is limited to keys that open_clip and transformers
know for shapes and preprocessing; names in it never lead to a hub, nor to code.
"""

import hashlib
import inspect
import json
from collections.abc import Collection, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from medsift.errors import WeightsError

OPEN_CLIP_CONFIG = "open_clip_config.json"
TEXT_CONFIG = "config.json"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
TOKENIZER_EXTRAS = ("special_tokens_map.json", "added_tokens.json")
TOKENIZER_OPTIONS = {"clean", "strip_sep_token", "language"}  # open_clip hands all others on to transformers

Files = Mapping[str, bytes]  # by name, after their digests were verified
NO_FILES: Files = MappingProxyType({})
Config = dict[str, Any]


def needs_tokenizer(config: Config) -> bool:
    """Whether the model's words are cut by a tokenizer that does not come with open_clip."""
    return bool(config["text_cfg"].get("hf_tokenizer_name"))


def has_transformers_text(config: Config) -> bool:
    """Whether its text tower is one of transformers, whose shape stands in a file of its own."""
    return bool(config["text_cfg"].get("hf_model_name"))


def digest_of(weights_digest: str, files: Files) -> str:
    """Digest over weights and the files beside them; the weights' own where there are none."""
    if not files:
        return weights_digest
    parts = [weights_digest, *(f"{name} {hashlib.sha256(files[name]).hexdigest()}" for name in sorted(files))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def open_clip_config(model_name: str, data: bytes) -> tuple[Config, Config]:
    """(model_cfg, preprocess_cfg) of a file `open_clip_config.json`.

    Raises `WeightsError` where it is none or says anything but what open_clip knows of shapes and preprocessing.
    """
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
    from open_clip.transform import PreprocessCfg

    stated = _object(model_name, OPEN_CLIP_CONFIG, data)
    model = _part(model_name, stated, "model_cfg", {*inspect.signature(CLIP).parameters, "custom_text"})
    pictures = _part(model_name, model, "vision_cfg", {field.name for field in fields(CLIPVisionCfg)})
    words = _part(model_name, model, "text_cfg", {field.name for field in fields(CLIPTextCfg)})
    _part(model_name, {"tokenizer_kwargs": {}} | words, "tokenizer_kwargs", TOKENIZER_OPTIONS)
    own = _part(
        model_name, {"preprocess_cfg": {}} | stated, "preprocess_cfg", {field.name for field in fields(PreprocessCfg)}
    )
    _require_values(model_name, model, pictures, own)
    return model, own


def require_plain_tokenizer(model_name: str, files: Files) -> None:
    """Raise `WeightsError` for a tokenizer that is not whole or would need code from elsewhere."""
    for file in TOKENIZER:
        if file not in files:
            raise _refused(model_name, file, "it is missing")
    if "auto_map" in _object(model_name, file, files[file]):
        raise _refused(model_name, file, "it asks for code of its own (auto_map), which medsift never runs")


def text_config(model_name: str, data: bytes | None) -> Config:
    """What transformers is told of a text tower: the shape in the file, or BERT's own where there is none.

    Raises `WeightsError` for a file of a network that open_clip cannot use.
    """
    from open_clip.hf_configs import arch_dict
    from transformers import CONFIG_MAPPING

    if data is None:
        return {"model_type": "bert"}
    stated = _object(model_name, TEXT_CONFIG, data)
    kind = stated.get("model_type")
    if not isinstance(kind, str) or kind not in arch_dict:
        raise _refused(model_name, TEXT_CONFIG, f"its model_type is {kind!r}, known are {', '.join(arch_dict)}")
    shape = vars(CONFIG_MAPPING[kind])["__annotations__"]
    return {"model_type": kind} | {name: stated[name] for name in shape if name in stated}


def _require_values(model_name: str, model: Config, pictures: Config, own: Config) -> None:
    import timm

    tower, side = pictures.get("timm_model_name"), pictures.get("image_size", 224)
    is_known = tower is None or (isinstance(tower, str) and "/" not in tower and timm.is_model(tower))
    for is_right, complaint in (
        (is_known, f"timm knows no model {tower!r}"),
        (type(model.get("embed_dim")) is int, "embed_dim is no whole number"),
        (type(side) is int, f"image_size is {side!r}, one whole number is allowed"),
        (_is_colour(own.get("mean")) and _is_colour(own.get("std")), "mean and std are not three numbers"),
        (own.get("interpolation") in (None, "bicubic", "bilinear"), "interpolation is not bicubic or bilinear"),
        (own.get("resize_mode") in (None, "shortest", "squash", "longest"), "resize_mode is none of open_clip's"),
    ):
        if not is_right:
            raise _refused(model_name, OPEN_CLIP_CONFIG, complaint)


def _is_colour(value: Any) -> bool:
    numbers = value if isinstance(value, list) else [value]
    return value is None or (len(numbers) == 3 and all(isinstance(number, int | float) for number in numbers))


def _part(model_name: str, whole: Config, name: str, known: Collection[str]) -> Config:
    part = whole.get(name)
    if not isinstance(part, dict):
        raise _refused(model_name, OPEN_CLIP_CONFIG, f"{name} is missing or has no keys")
    if strange := sorted(set(part) - set(known)):
        raise _refused(model_name, OPEN_CLIP_CONFIG, f"{name} has keys that medsift does not take: {strange}")
    return part


def _object(model_name: str, file: str, data: bytes) -> Config:
    try:
        stated = json.loads(data)
    except ValueError as error:
        raise _refused(model_name, file, f"it is no JSON ({error})") from None
    if not isinstance(stated, dict):
        raise _refused(model_name, file, "it is no JSON object")
    return stated


def _refused(model_name: str, file: str, complaint: str) -> WeightsError:
    return WeightsError(f"{file} of {model_name} cannot be used: {complaint}.")
