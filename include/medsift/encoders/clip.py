"""Profile clip: OpenAI's CLIP (Radford et al. 2021) or another model of open_clip, with MobileNetV2 for clusters."""

import hashlib
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from medsift.encoders import CNN_ENCODERS, PROFILES, WEIGHTS, Floats, Pixels, Profile, unit_rows
from medsift.encoders._clip_shape import clip_shape
from medsift.encoders._model_files import (
    NO_FILES,
    OPEN_CLIP_CONFIG,
    TEXT_CONFIG,
    TOKENIZER,
    TOKENIZER_EXTRAS,
    Files,
    digest_of,
    has_transformers_text,
    needs_tokenizer,
)
from medsift.encoders._open_clip import configuration, load_network, load_tokenizer, preprocessing
from medsift.encoders._torch import device_name
from medsift.encoders._tower import NetworkTower
from medsift.encoders.torchvision_cnns import MOBILENET
from medsift.errors import SettingError, UsageError, WeightsError
from medsift.modelsets import ModelSet
from medsift.settings import Settings
from medsift.volume import Volume
from medsift.weights import manifest
from medsift.weights.local import find, locate, pins, read_companions

NAME = "clip"
TEXT_BATCH_SIZE = 64

Load = Callable[[], Any]  # gives a network with its weights


class ClipEncoder:
    """A CLIP model: `load` gives open_clip's network with its weights, called at the first use.

    `tag` says whose training the weights are, from which the preprocessing follows; `files` came beside them.
    """

    name = NAME
    has_words = True

    def __init__(
        self, settings: Settings, load: Load, weights_digest: str, tag: str = "", files: Files = NO_FILES
    ) -> None:
        self._model_name = settings.clip_model
        self._device_name = settings.device
        self._load = load
        self._files = files
        shape = clip_shape(settings.clip_model, tag, settings.image_size, files, Volume(settings.volume))
        self.dimension = shape.dimension
        self.tower = NetworkTower(
            settings.clip_model,
            load=self._picture_network,
            weights_digest=digest_of(weights_digest, files),
            views=(shape.view,),
            mean=shape.mean,
            deviation=shape.deviation,
            width=self.dimension,
            settings=settings,
            self_test=partial(Volume(settings.volume).self_test, weights_digest),
        )

    @cached_property
    def digest(self) -> str:
        """Over network, weights with what belongs to them, and preprocessing."""
        return hashlib.sha256(f"{self._model_name} {self.tower.digest} unit length".encode()).hexdigest()

    @cached_property
    def scale(self) -> float:
        """CLIP's learnt factor between cosine and log-odds.

        What SigLIP adds to every log-odds (its `logit_bias`) is the same for all prompts and cancels between them.
        """
        return float(self._network.logit_scale.exp())

    def from_features(self, features: Floats) -> Floats:
        """float32 (n, dimension), rows of unit length."""
        return unit_rows(features)

    def encode_pictures(self, pixels: Pixels) -> Floats:
        """uint8 (n, views, size, size, 3) -> float32 (n, dimension), rows of unit length."""
        return self.from_features(self.tower.features(pixels))

    def encode_texts(self, texts: list[str]) -> Floats:
        """float32 (n, dimension), rows of unit length; raises `WeightsError` for a tokenizer of another model."""
        import torch

        device = device_name(self._device_name)
        network = self._network.to(device)
        parts = [np.zeros((0, self.dimension), np.float32)]
        for start in range(0, len(texts), TEXT_BATCH_SIZE):
            tokens = self._tokenizer(texts[start : start + TEXT_BATCH_SIZE])
            if tokens.max() >= network.vocab_size:
                raise WeightsError(
                    f"The tokenizer is not that of {self._model_name}: it gives token {int(tokens.max())}, "
                    f"the network knows {network.vocab_size}."
                )
            with torch.inference_mode():
                parts.append(network.encode_text(tokens.to(device)).float().cpu().numpy())
        return unit_rows(np.concatenate(parts))

    @cached_property
    def _tokenizer(self) -> Callable[[list[str]], Any]:
        return load_tokenizer(self._model_name, self._files)

    @cached_property
    def _network(self) -> Any:
        return self._load().eval().requires_grad_(False)

    def _picture_network(self) -> Any:
        return self._network.visual


@PROFILES.register(NAME)
def clip_profile(settings: Settings, _model_set: ModelSet | None) -> Profile:
    """CLIP for words, MobileNetV2 for clusters; raises `WeightsError` while their weights are not there."""
    return Profile(NAME, clip_encoder(settings), CNN_ENCODERS.get(_cnn_name(settings))(settings))


def clip_encoder(settings: Settings) -> ClipEncoder:
    """The CLIP model that the settings name; raises `WeightsError` while its weights are not there."""
    name, volume = settings.clip_model, Volume(settings.volume)
    if name not in pins(volume):
        configuration(name)  # a name that means nothing is a wrong setting, not missing weights
    pin, files = find(volume, name), read_companions(volume, name)
    return ClipEncoder(
        settings,
        lambda: load_network(name, locate(volume, name), settings.image_size, files),
        pin.sha256,
        pin.tag,
        files,
    )


def check_model(name: str, tag: str, path: Path) -> list[str]:
    """Names of the files that belong to the weights of a model in `path`, the weights alone or a folder.

    Raises `SettingError`, `UsageError` or `WeightsError` for a model, training or folder that medsift cannot use.
    """
    if name in {*CNN_ENCODERS.names(), *manifest()}:
        raise SettingError("clip_model", name, "a CLIP model, or another name: this one is taken")
    config_file = path / OPEN_CLIP_CONFIG
    files: dict[str, bytes] = {}
    if not _is_known(name) and config_file.is_file():
        files[OPEN_CLIP_CONFIG] = config_file.read_bytes()
    config = configuration(name, files)
    preprocessing(name, tag, files=files)
    wanted = list(files)
    if needs_tokenizer(config):
        _require_tokenizer(name, config["text_cfg"]["hf_tokenizer_name"], path)
        wanted += [*TOKENIZER, *_there(path, TOKENIZER_EXTRAS)]
    if has_transformers_text(config):
        wanted += _there(path, [TEXT_CONFIG])
    return wanted


def _is_known(name: str) -> bool:
    try:
        configuration(name)
    except SettingError:
        return False
    return True


def _there(folder: Path, files: Iterable[str]) -> list[str]:
    return [file for file in files if (folder / file).is_file()]


def _require_tokenizer(name: str, tokenizer: str, path: Path) -> None:
    if len(_there(path, TOKENIZER)) < len(TOKENIZER):
        raise UsageError(
            f"{path} is not all that {name} needs: a folder with the weights and, beside them, "
            f"{' and '.join(TOKENIZER)} of its tokenizer ({tokenizer})."
        )


@WEIGHTS.register(NAME)
def clip_weights(settings: Settings) -> list[str]:
    """Those of the CLIP model and of the CNN."""
    return [settings.clip_model, _cnn_name(settings)]


def _cnn_name(settings: Settings) -> str:
    return MOBILENET if settings.cnn_model == "auto" else settings.cnn_model
