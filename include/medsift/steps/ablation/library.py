"""All encoders that can be compared here, embedded once each, and why the others cannot be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from medsift.encoders import CNN_ENCODERS, PROFILES
from medsift.errors import MedsiftError, WeightsError
from medsift.evaluation.ablation import NO_WEIGHTS, Cost
from medsift.settings import Enhancement, Settings
from medsift.steps.ablation.encoding import Encoded, Files, Spec, encode
from medsift.steps.context import Progress
from medsift.volume import Volume

ENHANCEMENTS: tuple[tuple[Enhancement, ...], ...] = ((), *((way,) for way in get_args(Enhancement)))


@dataclass(frozen=True)
class Missing:
    """Why an encoder is not there, and the command that brings it."""

    reason: str
    command: str = ""


@dataclass(frozen=True)
class Library:
    """What each spec led to."""

    at_hand: Mapping[Spec, Encoded]
    missing: Mapping[Spec, Missing]

    @property
    def encoded(self) -> dict[str, Encoded]:
        """Every encoder once, by digest."""
        return {encoded.measured.digest: encoded for encoded in self.at_hand.values()}

    def why_not(self, *specs: Spec) -> Missing | None:
        """Why not all of them are there, or None."""
        return next((self.missing[spec] for spec in specs if spec in self.missing), None)

    def cost(self, *specs: Spec) -> Cost:
        """Speed and memory of embedding with all of them: towers one after the other, a shared one once."""
        used = [self.at_hand[spec].measured for spec in specs]
        seconds = {measured.tower: measured.seconds / measured.pictures for measured in used}
        return Cost(1 / max(sum(seconds.values()), 1e-9), max(measured.peak_mb for measured in used))


def all_specs(settings: Settings) -> list[Spec]:
    """Both encoders of every profile, every CNN encoder, and those of the settings' profile with each enhancement."""
    of_profiles = [spec for name in PROFILES.names() for spec in (words_of(name), cnn_of(name))]
    others = [Spec("", "cnn", name) for name in CNN_ENCODERS.names()]
    return of_profiles + others + [spec for way in ENHANCEMENTS for spec in enhanced_by(way, settings.profile)]


def words_of(profile: str) -> Spec:
    """The encoder that compares pictures with words."""
    return Spec(profile, "words")


def cnn_of(profile: str) -> Spec:
    """The encoder for clusters alone."""
    return Spec(profile, "cnn")


def enhanced_by(way: tuple[Enhancement, ...], profile: str) -> tuple[Spec, Spec]:
    """The encoders of a profile, for words and for clusters alone, after pictures were enhanced this way."""
    return Spec(profile, "words", enhance=way), Spec(profile, "cnn", enhance=way)


def embed_all(
    settings: Settings, volume: Volume, files: Files, prompt_sets: Sequence[str], progress: Progress
) -> Library:
    """Vectors of every encoder whose weights are here. What keeps one from being used is told, not raised."""
    towers, missing = _by_tower(settings, all_specs(settings))
    at_hand: dict[Spec, Encoded] = {}
    for name, specs in towers:

        def told(done: int, total: int, name: str = name) -> None:
            progress(f"embed {name}", done, total)

        try:
            at_hand |= encode(settings, specs, volume, files, prompt_sets, told)
        except MedsiftError as error:
            missing |= dict.fromkeys(specs, Missing(str(error)))
    empty = {spec for spec, encoded in at_hand.items() if not encoded.measured.pictures}
    missing |= dict.fromkeys(empty, Missing("no picture could be embedded"))
    return Library({spec: encoded for spec, encoded in at_hand.items() if spec not in empty}, missing)


def _by_tower(settings: Settings, specs: Iterable[Spec]) -> tuple[list[tuple[str, list[Spec]]], dict[Spec, Missing]]:
    """Name and specs of each tower, and the specs whose weights are not here."""
    towers: dict[str, tuple[str, list[Spec]]] = {}
    missing: dict[Spec, Missing] = {}
    for spec in specs:
        try:
            tower = spec.load(settings).tower
        except WeightsError:
            missing[spec] = Missing(NO_WEIGHTS, f"medsift weights fetch {spec.name or f'--profile {spec.profile}'}")
        else:
            towers.setdefault(tower.digest, (tower.name, []))[1].append(spec)
    return list(towers.values()), missing
