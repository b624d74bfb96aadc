"""Encoders without words: the pooled features of an image network, for clusters and search by likeness."""

import hashlib
from functools import cached_property

from medsift.encoders import CNN_ENCODERS, Floats, Pixels, unit_rows
from medsift.encoders._efficientnet import LAST, NAME, efficientnet_tower
from medsift.encoders._tower import NetworkTower
from medsift.errors import UsageError
from medsift.settings import Settings


class CnnEncoder:
    """A tower's features, or the first `dimension` of them, at unit length."""

    has_words = False
    scale = 1.0

    def __init__(self, tower: NetworkTower, dimension: int | None = None) -> None:
        self.name = tower.name
        self.tower = tower
        self.dimension = dimension or tower.width

    @cached_property
    def digest(self) -> str:
        """Over the tower and the head's kind."""
        return hashlib.sha256(f"{self.tower.digest} {self.dimension} unit length".encode()).hexdigest()

    def from_features(self, features: Floats) -> Floats:
        """float32 (n, width) -> float32 (n, dimension), rows of unit length."""
        return unit_rows(features[:, : self.dimension])

    def encode_pictures(self, pixels: Pixels) -> Floats:
        """uint8 (n, views, size, size, 3) -> float32 (n, dimension), rows of unit length."""
        return self.from_features(self.tower.features(pixels))

    def encode_texts(self, texts: list[str]) -> Floats:
        """Raises `UsageError`: it knows no words."""
        raise UsageError(f"The encoder {self.name} knows no words; it cannot encode {len(texts)} texts.")


@CNN_ENCODERS.register(NAME)
def efficientnet_lite0(settings: Settings) -> CnnEncoder:
    """EfficientNet-Lite0's 1280 pooled features of the last layer."""
    return CnnEncoder(efficientnet_tower(settings), LAST)
