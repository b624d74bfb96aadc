"""Profile clip: OpenAI's CLIP (Radford et al. 2021) or another model of open_clip, with MobileNetV2 for clusters."""

import hashlib
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np

from medsift.encoders import CNN_ENCODERS, PROFILES, WEIGHTS, Floats, Pixels, Profile, unit_rows
from medsift.encoders._open_clip import configuration, load_network, preprocessing
from medsift.encoders._torch import device_name
from medsift.encoders._tower import NetworkTower
from medsift.encoders.torchvision_cnns import MOBILENET
from medsift.modelsets import ModelSet
from medsift.settings import Settings
from medsift.volume import Volume
from medsift.weights.local import find, locate

NAME = "clip"
TEXT_BATCH_SIZE = 64

Load = Callable[[], Any]  # gives a network with its weights


class ClipEncoder:
    """A CLIP model: `load` gives open_clip's network with its weights, called at the first use.

    `tag` says whose training the weights are, from which the preprocessing follows.
    """

    name = NAME
    has_words = True

    def __init__(self, settings: Settings, load: Load, weights_digest: str, tag: str = "") -> None:
        self._model_name = settings.clip_model
        self._device_name = settings.device
        self._load = load
        self.dimension = int(configuration(settings.clip_model)["embed_dim"])
        own = preprocessing(settings.clip_model, tag, settings.image_size)
        self.tower = NetworkTower(
            settings.clip_model,
            load=self._picture_network,
            weights_digest=weights_digest,
            views=(own.view,),
            mean=own.mean,
            deviation=own.deviation,
            width=self.dimension,
            settings=settings,
            self_test=partial(Volume(settings.volume).self_test, weights_digest),
        )

    @cached_property
    def digest(self) -> str:
        """Over network, weights and preprocessing."""
        return hashlib.sha256(f"{self._model_name} {self.tower.digest} unit length".encode()).hexdigest()

    @cached_property
    def scale(self) -> float:
        """CLIP's learnt factor between cosine and log-odds."""
        return float(self._network.logit_scale.exp())

    def from_features(self, features: Floats) -> Floats:
        """float32 (n, dimension), rows of unit length."""
        return unit_rows(features)

    def encode_pictures(self, pixels: Pixels) -> Floats:
        """uint8 (n, views, size, size, 3) -> float32 (n, dimension), rows of unit length."""
        return self.from_features(self.tower.features(pixels))

    def encode_texts(self, texts: list[str]) -> Floats:
        """float32 (n, dimension), rows of unit length."""
        import open_clip
        import torch

        device = device_name(self._device_name)
        network, tokenizer = self._network.to(device), open_clip.get_tokenizer(self._model_name)
        parts = [np.zeros((0, self.dimension), np.float32)]
        for start in range(0, len(texts), TEXT_BATCH_SIZE):
            tokens = tokenizer(texts[start : start + TEXT_BATCH_SIZE]).to(device)
            with torch.inference_mode():
                parts.append(network.encode_text(tokens).float().cpu().numpy())
        return unit_rows(np.concatenate(parts))

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
    configuration(name)  # a name that means nothing is a wrong setting, not missing weights
    pin = find(volume, name)
    return ClipEncoder(
        settings, lambda: load_network(name, locate(volume, name), settings.image_size), pin.sha256, pin.tag
    )


def check_model(name: str, tag: str) -> None:
    """Raise `SettingError` or `WeightsError` for a model and training that medsift cannot run."""
    preprocessing(name, tag)


@WEIGHTS.register(NAME)
def clip_weights(settings: Settings) -> list[str]:
    """Those of the CLIP model and of the CNN."""
    return [settings.clip_model, _cnn_name(settings)]


def _cnn_name(settings: Settings) -> str:
    return MOBILENET if settings.cnn_model == "auto" else settings.cnn_model
