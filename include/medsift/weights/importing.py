"""Bringing weights by hand, for machines without a way out, and weights that medsift does not know of itself."""

import re
import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from medsift.errors import UsageError, WeightsError
from medsift.volume import Volume, atomic_path, sha256_of_file
from medsift.weights import PinnedFile
from medsift.weights.local import Pin, pins, record
from medsift.weights.published import published

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
DIGEST = re.compile("[0-9a-f]{64}")
ENDINGS = (".pt", ".pth", ".bin", ".safetensors")


def import_file(
    volume: Volume, name: str, path: Path, *, sha256: str = "", tag: str = "", companions: Collection[str] = ()
) -> Pin:
    """Copy a file, or that of a folder which has the digest, onto the volume as the weights `name` and pin it.

    Published weights have their digest already; others need `sha256`, and may say whose training they are (`tag`).
    `companions` name files beside it that belong to them: they are copied too, and pinned as they are.
    Raises `UsageError` for a missing or malformed digest, `WeightsError` with both digests for another file.
    """
    pin, file = _pin(volume, name, path, sha256.lower(), tag, companions)
    if not pin.path(volume).exists():
        _copy(file, pin.path(volume), pin.files[0], name)
    for companion in pin.companions:
        source, target = file.with_name(companion.name), pin.path(volume, companion.name)
        if source.is_file():
            _require(source, source, companion, name)
        if not target.exists():
            _copy(source, target, companion, name)
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
    named = [pin.name for pin in pins(volume).values() if path.name == pin.file]
    if len(named) == 1:
        return named[0]
    digest = sha256_of_file(path)
    return next((pin.name for pin in pins(volume).values() if pin.sha256 == digest), "")


def _pin(volume: Volume, name: str, path: Path, sha256: str, tag: str, companions: Collection[str]) -> tuple[Pin, Path]:
    if not path.exists():
        raise UsageError(f"{path} is not there.")
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of weights: letters, digits, points, hyphens and underscores.")
    if sha256 and not DIGEST.fullmatch(sha256):
        raise UsageError(f"{sha256!r} is no SHA-256: 64 digits from 0 to f.")
    known = pins(volume).get(name)
    if known is not None and sha256 not in ("", known.sha256):
        raise WeightsError(f"The weights {name} are pinned with SHA-256 {known.sha256}, not {sha256}.")
    if known is not None:
        pin = replace(known, tag=tag) if tag and name not in published() else known
        return pin, _weights_file(path, known.sha256)
    if not sha256:
        raise UsageError(
            f"medsift knows no digest of weights {name}.", "Say it with --sha256, as their author states it."
        )
    file = _weights_file(path, sha256)
    if file.suffix not in ENDINGS:
        raise UsageError(f"{file.name} is no file of weights: its name should end in {', '.join(ENDINGS)}.")
    beside = tuple(_as_it_is(file.with_name(companion)) for companion in companions)
    return Pin(name, file.name, file.stat().st_size, sha256, tag, beside), file


def _weights_file(path: Path, sha256: str) -> Path:
    """The file itself; of a folder the one file of weights, or the one of several that has the digest."""
    if not path.is_dir():
        return path
    found = sorted(file for file in path.iterdir() if file.suffix in ENDINGS and file.is_file())
    if not found:
        raise UsageError(f"{path} has no file of weights: its name should end in {', '.join(ENDINGS)}.")
    if len(found) == 1:
        return found[0]
    digests = {file: sha256_of_file(file) for file in found}
    for file, digest in digests.items():
        if digest == sha256:
            return file
    seen = ", ".join(f"{file.name} has {digest}" for file, digest in digests.items())
    raise WeightsError(f"No file in {path} has the SHA-256 {sha256}: {seen}.", "None is used.")


def _as_it_is(file: Path) -> PinnedFile:
    return PinnedFile(file.name, file.stat().st_size, sha256_of_file(file))


def _copy(source: Path, target: Path, pinned: PinnedFile, name: str) -> None:
    if not source.is_file():
        raise UsageError(f"{source} is missing, which belongs to the weights {name}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
        _require(temporary, source, pinned, name)


def _require(copied: Path, source: Path, pinned: PinnedFile, name: str) -> None:
    digest = sha256_of_file(copied)
    if digest != pinned.sha256:
        raise WeightsError(
            f"{source} is not the file that is pinned as {name}: its SHA-256 is {digest}, expected is {pinned.sha256}.",
            "It is not used.",
        )
