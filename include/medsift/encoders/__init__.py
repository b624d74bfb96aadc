"""Pictures or words to vectors. An encoder is a head over a tower; encoders that share a tower share its pass."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from medsift.encoders._arrays import Floats, Pixels, unit_rows
from medsift.modelsets import ModelSet
from medsift.registry import Registry
from medsift.settings import Settings
from medsift.weights import manifest

__all__ = [
    "CNN_ENCODERS", "PROFILES", "WEIGHTS", "Encoder", "Floats", "Judge", "Pixels", "Profile", "Tower", "View",
    "load_profile", "needed_weights", "unit_rows",
]  # fmt: skip


@dataclass(frozen=True)
class View:
    """How a decoded picture becomes a model's input of `size` x `size` pixels.

    `crop`: the shorter side is resized to `resize`, then the centre is cut out; `squash`: both sides are resized;
    `mirror`: as squash, left and right swapped. `resample` as Pillow names it;
    `enhance` as in the setting of that name.
    """

    size: int
    mode: Literal["crop", "squash", "mirror"]
    resize: int = 0
    resample: Literal["bicubic", "bilinear"] = "bicubic"
    enhance: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judge:
    """What follows from a tower's features: `labels` gives a verdict for each row of float32 (n, width).

    `key` changes whenever the same features may be labelled otherwise.
    """

    key: str
    labels: Callable[[Floats], Sequence[str]]


class Tower(Protocol):
    """A picture network without its head."""

    @property
    def name(self) -> str:
        """What it is called, for people."""

    @property
    def digest(self) -> str:
        """Over weights, views and preprocessing, not over device or batch size: changes when features would."""

    @property
    def views(self) -> tuple[View, ...]:
        """What it wants to see of a picture; all of one size."""

    @property
    def engine(self) -> str:
        """What runs the network here, by the name of its kind; loads it."""

    def is_ready(self, judge: Judge | None = None) -> bool:
        """Whether `prepare` only loads what is kept: nothing has to be exported or measured first."""

    def prepare(self, judge: Judge | None = None, pictures: int = 0) -> None:
        """Load the network before its first use; raises `WeightsError` where it cannot be used.

        `pictures`: how many it will see, as far as known; what takes long and is not kept is only done for many.
        Without a judge no engine below float32 is chosen: nobody could say what that does to verdicts.
        """

    def features(self, pixels: Pixels) -> Floats:
        """Pooled features: uint8 (n, views, size, size, 3) -> float32 (n, width)."""


class Encoder(Protocol):
    """A head over a tower: vectors of unit length."""

    @property
    def name(self) -> str:
        """The name under which its vectors and clusters are kept."""

    @property
    def digest(self) -> str:
        """Over the tower and everything behind it: changes when a vector would."""

    @property
    def dimension(self) -> int:
        """Width of its vectors."""

    @property
    def has_words(self) -> bool:
        """Whether it encodes texts into the same space."""

    @property
    def scale(self) -> float:
        """Factor between cosine and log-odds (the learnt temperature, inverted), of an encoder with words."""

    @property
    def tower(self) -> Tower:
        """The network whose features it takes."""

    def from_features(self, features: Floats) -> Floats:
        """Vectors from the tower's features: float32 (n, dimension)."""

    def encode_pictures(self, pixels: Pixels) -> Floats:
        """uint8 (n, views, size, size, 3) -> float32 (n, dimension), rows of unit length."""

    def encode_texts(self, texts: list[str]) -> Floats:
        """float32 (n, dimension), rows of unit length; raises `UsageError` where `has_words` is false."""


@dataclass(frozen=True)
class Profile:
    """The encoders of a profile: `words` compares pictures with prompts, `cnn` is for clusters alone."""

    name: str
    words: Encoder
    cnn: Encoder

    @property
    def encoders(self) -> tuple[Encoder, ...]:
        """All encoders of the profile."""
        return (self.words, self.cnn)

    @property
    def towers(self) -> tuple[Tower, ...]:
        """The towers behind the encoders, each once: a picture passes each one time."""
        return tuple({encoder.tower.digest: encoder.tower for encoder in self.encoders}.values())

    @property
    def views(self) -> tuple[View, ...]:
        """What a decoded picture must be rendered as, for all towers one after the other."""
        return tuple(view for tower in self.towers for view in tower.views)

    def encode_pictures(self, pixels: Mapping[int, Pixels]) -> dict[str, Floats]:
        """Vectors by encoder name, from pixels of all `views` by their side: uint8 (n, views, side, side, 3)."""
        features, seen = {}, dict.fromkeys(pixels, 0)
        for tower in self.towers:
            side, count = tower.views[0].size, len(tower.views)
            features[tower.digest] = tower.features(pixels[side][:, seen[side] : seen[side] + count])
            seen[side] += count
        return {encoder.name: encoder.from_features(features[encoder.tower.digest]) for encoder in self.encoders}


PROFILES: Registry[Callable[[Settings, ModelSet | None], Profile]] = Registry("profile", "medsift.encoders")
CNN_ENCODERS: Registry[Callable[[Settings], Encoder]] = Registry("CNN encoder", "medsift.encoders")
WEIGHTS: Registry[Callable[[Settings], list[str]]] = Registry("profile", "medsift.encoders")


def load_profile(settings: Settings, model_set: ModelSet | None) -> Profile:
    """The profile that the settings name. Networks are loaded at their first use.

    Raises `UsageError` for an unknown name, `WeightsError` where weights or model set are missing.
    """
    return PROFILES.get(settings.profile)(settings, model_set)


def needed_weights(settings: Settings) -> list[str]:
    """Names of the weights that must be on the volume for the settings' profile; raises `UsageError` as above.

    Those that come in packages are none of them.
    """
    return [name for name in WEIGHTS.get(settings.profile)(settings) if name not in manifest()]
