"""Profile lite: an image network and a language model that never met, joined by two small linear maps.

Both towers stay as they were (Zhai et al. 2022, "LiT"); the maps were fitted on captioned kinds of pictures. Any prompt
works.
"""

import hashlib
from functools import cached_property

from medsift.encoders import CNN_ENCODERS, PROFILES, WEIGHTS, Floats, Pixels, Profile, Tower, unit_rows
from medsift.encoders._efficientnet import LAST, efficientnet_tower
from medsift.encoders._efficientnet import NAME as EFFICIENTNET
from medsift.encoders._minilm import TextTower
from medsift.encoders.cnn import CnnEncoder
from medsift.errors import WeightsError
from medsift.modelsets import Alignment, ModelSet
from medsift.settings import Settings

NAME = "lite"


class LiteEncoder:
    """EfficientNet-Lite0 and MiniLM in one space."""

    name = NAME
    has_words = True

    def __init__(self, tower: Tower, text_tower: TextTower, alignment: Alignment) -> None:
        self.tower = tower
        self._text_tower = text_tower
        self._alignment = alignment
        self.dimension = alignment.picture_map.shape[1]
        self.scale = alignment.scale

    @cached_property
    def digest(self) -> str:
        """Over both towers and the alignment between them."""
        parts = f"{self.tower.digest} {self._text_tower.digest} {self._alignment.digest}"
        return hashlib.sha256(parts.encode()).hexdigest()

    def from_features(self, features: Floats) -> Floats:
        """Standardised and mapped: float32 (n, width) -> float32 (n, dimension), rows of unit length."""
        return unit_rows(self._alignment.place(features))

    def encode_pictures(self, pixels: Pixels) -> Floats:
        """uint8 (n, views, size, size, 3) -> float32 (n, dimension), rows of unit length."""
        return self.from_features(self.tower.features(pixels))

    def encode_texts(self, texts: list[str]) -> Floats:
        """float32 (n, dimension), rows of unit length."""
        return unit_rows(self._text_tower.encode(texts) @ self._alignment.text_map)


@PROFILES.register(NAME)
def lite_profile(settings: Settings, model_set: ModelSet | None) -> Profile:
    """Words and clusters over one pass of EfficientNet-Lite0; raises `WeightsError` without an alignment."""
    if model_set is None:
        raise WeightsError("Profile lite needs a model set with an alignment, and there is none.")
    tower = efficientnet_tower(settings)
    words = LiteEncoder(tower, TextTower(settings.device), model_set.alignment())
    if settings.cnn_model in ("auto", EFFICIENTNET):
        return Profile(NAME, words, CnnEncoder(tower, LAST))
    return Profile(NAME, words, CNN_ENCODERS.get(settings.cnn_model)(settings))


@WEIGHTS.register(NAME)
def lite_weights(settings: Settings) -> list[str]:
    """Those of the CNN; all that lite needs besides comes in packages too."""
    return [EFFICIENTNET if settings.cnn_model == "auto" else settings.cnn_model]
