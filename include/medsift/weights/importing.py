"""Bringing weights by hand, for machines without a way out, and weights that medsift does not know of itself."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from medsift.errors import UsageError, WeightsError
from medsift.volume import Volume, atomic_path, sha256_of_file
from medsift.weights.local import Pin, pins, record
from medsift.weights.published import published

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
DIGEST = re.compile("[0-9a-f]{64}")
ENDINGS = (".pt", ".pth", ".bin", ".safetensors")


def import_file(volume: Volume, name: str, path: Path, *, sha256: str = "", tag: str = "") -> Pin:
    """Copy a file onto the volume as the weights `name` and pin it.

    Published weights have their digest already; others need `sha256`, and may say whose training they are (`tag`).
    Raises `UsageError` for a missing or malformed digest, `WeightsError` with both digests for another file.
    """
    pin = _pin(volume, name, path, sha256.lower(), tag)
    target = pin.path(volume)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as temporary:
            shutil.copyfile(path, temporary)
            _require(temporary, path, pin)
    record(volume, pin)
    return pin


def import_known(volume: Volume, path: Path) -> list[Pin]:
    """Import a file, or each file of a folder, that is known by its name or digest.

    Raises `UsageError` where there is none.
    """
    files = sorted(found for found in path.iterdir() if found.is_file()) if path.is_dir() else [path]
    names = {file: name for file in files if file.suffix in ENDINGS and (name := _known_as(volume, file))}
    if not names:
        wanted = ", ".join(pin.file for pin in pins(volume).values())
        raise UsageError(f"There are no known weights in {path}; known files are: {wanted}.")
    return [import_file(volume, name, file) for file, name in names.items()]


def _known_as(volume: Volume, path: Path) -> str:
    for pin in pins(volume).values():
        if path.name == pin.file:
            return pin.name
    digest = sha256_of_file(path)
    return next((pin.name for pin in pins(volume).values() if pin.sha256 == digest), "")


def _pin(volume: Volume, name: str, path: Path, sha256: str, tag: str) -> Pin:
    if not path.is_file():
        raise UsageError(f"{path} is not a file.")
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of weights: letters, digits, points, hyphens and underscores.")
    if sha256 and not DIGEST.fullmatch(sha256):
        raise UsageError(f"{sha256!r} is no SHA-256: 64 digits from 0 to f.")
    known = pins(volume).get(name)
    if known is not None and (not sha256 or sha256 == known.sha256):
        return replace(known, tag=tag) if tag and name not in published() else known
    if known is not None:
        raise WeightsError(f"The weights {name} are pinned with SHA-256 {known.sha256}, not {sha256}.")
    if not sha256:
        raise UsageError(
            f"medsift knows no digest of weights {name}.", "Say it with --sha256, as their author states it."
        )
    if path.suffix not in ENDINGS:
        raise UsageError(f"{path.name} is no file of weights: its name should end in {', '.join(ENDINGS)}.")
    return Pin(name, path.name, path.stat().st_size, sha256, tag)


def _require(copied: Path, path: Path, pin: Pin) -> None:
    digest = sha256_of_file(copied)
    if digest != pin.sha256:
        raise WeightsError(
            f"{path} is not the file that is pinned as {pin.name}: its SHA-256 is {digest}, expected is {pin.sha256}.",
            "It is not used.",
        )
