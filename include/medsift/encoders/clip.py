"""Profile clip: OpenAI's CLIP (Radford et al. 2021) through open_clip, with MobileNetV2 for clusters."""

import hashlib
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np

from medsift import weights
from medsift.encoders import CNN_ENCODERS, PROFILES, WEIGHTS, Floats, Pixels, Profile, View, unit_rows
from medsift.encoders._torch import choose_device, declare_torchvision_operators
from medsift.encoders._tower import NetworkTower
from medsift.encoders.cnn import CnnEncoder
from medsift.errors import SettingError, WeightsError
from medsift.modelsets import ModelSet
from medsift.settings import Settings

NAME = "clip"
MOBILENET = "mobilenet_v2"
CLIP_MEAN, CLIP_DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TEXT_BATCH_SIZE = 64
MOBILENET_WIDTH = 1280
HINT = "They come from their authors' addresses, not from a package registry; profile lite works without them."


Load = Callable[[], Any]  # gives a network with its weights


class ClipEncoder:
    """A CLIP model: `load` gives open_clip's network with its weights, called at the first use."""

    name = NAME
    has_words = True

    def __init__(self, settings: Settings, load: Load, weights_digest: str) -> None:
        self._model_name = settings.clip_model
        self._device_name = settings.device
        self._load = load
        configuration = _configuration(settings.clip_model)
        self.dimension = int(configuration["embed_dim"])
        size = settings.image_size or int(configuration["vision_cfg"]["image_size"])
        self.tower = NetworkTower(
            settings.clip_model,
            load=self._picture_network,
            weights_digest=weights_digest,
            views=(View(size, "crop", resize=size),),
            mean=CLIP_MEAN,
            deviation=CLIP_DEVIATION,
            width=self.dimension,
            device=settings.device,
            batch_size=settings.batch_size,
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

        device = choose_device(self._device_name)
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
    entry, pinned = _single_file(f"{NAME}-{settings.clip_model}")
    words = ClipEncoder(settings, partial(_load_clip, settings, entry.name, pinned.name), pinned.sha256)
    return Profile(NAME, words, CNN_ENCODERS.get(_cnn_name(settings))(settings))


@WEIGHTS.register(NAME)
def clip_weights(settings: Settings) -> list[str]:
    """Those of the CLIP model and of the CNN."""
    return [settings.clip_model, _cnn_name(settings)]


@CNN_ENCODERS.register(MOBILENET)
def mobilenet_v2(settings: Settings) -> CnnEncoder:
    """MobileNetV2's 1280 pooled features; raises `WeightsError` while its weights are not there."""
    entry, pinned = _single_file(MOBILENET)
    return mobilenet_encoder(settings, partial(_load_mobilenet, entry.name, pinned.name), pinned.sha256)


def mobilenet_encoder(settings: Settings, load: Load, weights_digest: str) -> CnnEncoder:
    """The encoder over torchvision's MobileNetV2, which `load` gives with its weights."""
    size = settings.image_size or 224
    views = (View(size, "crop", resize=round(size * 232 / 224), resample="bilinear"),)
    tower = NetworkTower(
        MOBILENET,
        load=lambda: _without_classifier(load()),
        weights_digest=weights_digest,
        views=views,
        mean=IMAGENET_MEAN,
        deviation=IMAGENET_DEVIATION,
        width=MOBILENET_WIDTH,
        device=settings.device,
        batch_size=settings.batch_size,
    )
    return CnnEncoder(tower)


def _single_file(name: str) -> tuple[weights.Weights, weights.PinnedFile]:
    if name not in weights.manifest():
        raise WeightsError(f"The weights {name} are not here and have no pinned digest.", HINT)
    entry = weights.get(name)
    return entry, entry.files[0]


def _cnn_name(settings: Settings) -> str:
    return MOBILENET if settings.cnn_model == "auto" else settings.cnn_model


def _load_clip(settings: Settings, name: str, file: str) -> Any:
    declare_torchvision_operators()
    import open_clip

    network = open_clip.create_model(
        settings.clip_model, load_weights=False, force_image_size=settings.image_size or None
    )
    open_clip.load_checkpoint(network, str(weights.path(name, file)), weights_only=True)
    return network


def _load_mobilenet(name: str, file: str) -> Any:
    declare_torchvision_operators()
    import torch
    import torchvision

    network = torchvision.models.mobilenet_v2(weights=None)
    network.load_state_dict(torch.load(weights.path(name, file), map_location="cpu", weights_only=True))
    return network


def _without_classifier(network: Any) -> Any:
    import torch

    network.classifier = torch.nn.Identity()
    return network.eval().requires_grad_(False)


def _configuration(model_name: str) -> dict[str, Any]:
    declare_torchvision_operators()
    import open_clip

    configuration: dict[str, Any] | None = open_clip.get_model_config(model_name)
    if configuration is None:
        raise SettingError("clip_model", model_name, "a model that open_clip knows, such as ViT-B-32-quickgelu")
    return configuration
