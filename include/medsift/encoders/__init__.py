"""Pictures or words to vectors. An encoder is a head over a tower; encoders that share a tower share its pass."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from medsift.registry import Registry

Pixels = NDArray[np.uint8]  # (n, views, height, width, 3), RGB
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """How a decoded picture becomes a model's input of `size` x `size` pixels.

    `crop`: the shorter side is resized to `resize`, then the centre is cut out; `squash`: both sides are resized;
    `mirror`: as squash, left and right swapped. `resample` as Pillow names it.
    """

    size: int
    mode: Literal["crop", "squash", "mirror"]
    resize: int = 0
    resample: Literal["bicubic", "bilinear"] = "bicubic"


class Tower(Protocol):
    """A picture network without its head."""

    name: str
    digest: str
    views: tuple[View, ...]

    def features(self, pixels: Pixels) -> Floats:
        """Pooled features, float32 (n, width)."""


class Encoder(Protocol):
    """Vectors of unit length. `digest` changes whenever a vector would."""

    name: str
    digest: str
    dimension: int
    has_words: bool
    tower: Tower

    def from_features(self, features: Floats) -> Floats:
        """Vectors from the tower's features: float32 (n, dimension)."""

    def encode_pictures(self, batch: Pixels) -> Floats:
        """float32 (n, dimension), rows of unit length."""

    def encode_texts(self, texts: list[str]) -> Floats:
        """float32 (n, dimension), rows of unit length; raises `UsageError` where `has_words` is false."""


@dataclass(frozen=True)
class Profile:
    """The encoders of a profile: `words` compares pictures with prompts, `cnn` is for clusters alone.

    `spaces` groups encoder names whose vectors rest on one backbone: their cluster votes count as one.
    """

    name: str
    words: Encoder
    cnn: Encoder

    @property
    def encoders(self) -> tuple[Encoder, ...]:
        """All encoders of the profile."""
        return (self.words, self.cnn)
