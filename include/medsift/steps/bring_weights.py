"""Weights brought to the volume: fetched or imported, then loaded once for their self-test."""

from collections.abc import Sequence
from pathlib import Path

from medsift.encoders import CNN_ENCODERS
from medsift.encoders.clip import check_model, clip_encoder
from medsift.errors import MedsiftError, UsageError
from medsift.settings import OPENAI_SPELLINGS, Settings
from medsift.steps.context import Progress
from medsift.volume import Volume
from medsift.weights.fetch import fetch
from medsift.weights.importing import import_file, import_known
from medsift.weights.local import Pin, find, forget, locate, pins
from medsift.weights.published import published

MEGABYTE = 1_000_000


def model_name(name: str) -> str:
    """A model's name as open_clip spells it."""
    return OPENAI_SPELLINGS.get(name, name)


def fetch_weights(settings: Settings, names: Sequence[str], progress: Progress) -> list[Pin]:
    """Fetch published weights and test them; raises `UsageError` for others, `WeightsError` where it fails."""
    volume = Volume(settings.volume)
    for name in names:
        if name not in published() and name not in pins(volume):
            raise UsageError(
                f"The weights {name} are not among those that medsift can fetch: {', '.join(published())}.",
                f"Bring them with: medsift weights import {name} FILE --sha256 DIGEST",
            )
    for name in names:
        if name in published():
            fetch(
                published()[name],
                settings,
                lambda file, done, total: progress(f"{file} (MB)", done // MEGABYTE, total // MEGABYTE),
            )
        self_test(settings, name)
    return [find(volume, name) for name in names]


def import_weights(settings: Settings, name: str, path: Path, *, sha256: str = "", tag: str = "") -> Pin:
    """Import a file, or a folder with what belongs to it, as a model's weights and test it; what fails is not kept.

    Raises `SettingError` for a model that cannot be used, else as `import_file` does.
    """
    volume, is_known = Volume(settings.volume), name in published()
    companions = [] if is_known else check_model(name, tag, path)
    pin = import_file(volume, name, path, sha256=sha256, tag=tag, companions=companions)
    try:
        self_test(settings, name)
    except MedsiftError:
        if not is_known:
            forget(volume, pin)
        raise
    return pin


def import_known_weights(settings: Settings, path: Path) -> list[Pin]:
    """Import what is known of a file or folder, and test it."""
    imported = import_known(Volume(settings.volume), path)
    for pin in imported:
        self_test(settings, pin.name)
    return imported


def self_test(settings: Settings, name: str) -> None:
    """Verify weights, load them on the device of the settings and compare with the reference, which is made if missing.

    Raises `WeightsError` where they are missing, altered, do not fit their network or fail.
    """
    locate(Volume(settings.volume), name)
    if name in CNN_ENCODERS.names():
        CNN_ENCODERS.get(name)(settings).tower.prepare()
    else:
        encoder = clip_encoder(settings.model_copy(update={"clip_model": name}))
        encoder.tower.prepare()
        encoder.encode_texts(["a picture"])
