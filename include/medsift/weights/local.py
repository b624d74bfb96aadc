"""Weights on the volume: published ones that were fetched or imported, and others under a digest somebody named.

They lie under `weights/<SHA-256>/`, with the files that belong to them (a tokenizer, a config), each under a digest of
its own. `weights/manifest.json` pins those that medsift does not know of itself.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medsift.errors import WeightsError
from medsift.volume import Volume, write_atomically
from medsift.weights import Check, PinnedFile, check_file
from medsift.weights.published import Published, published

FETCH_HINT = "Fetch them with `medsift weights fetch {0}`, or bring the file: `medsift weights import {0} FILE`."
IMPORT_HINT = "Bring them with `medsift weights import {0} FILE_OR_FOLDER --sha256 DIGEST`."
REPLACE_HINT = "Remove the file and bring it anew."


@dataclass(frozen=True)
class Pin:
    """The one file that may be used as the weights `name`, and the `companions` that are read with it.

    `tag` says whose training it is, as open_clip names it.
    """

    name: str
    file: str
    bytes: int
    sha256: str
    tag: str = ""
    companions: tuple[PinnedFile, ...] = ()

    @classmethod
    def of(cls, entry: Published) -> "Pin":
        """The pin of published weights."""
        return cls(entry.name, entry.file, entry.bytes, entry.sha256, entry.tag)

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """The weights and their companions."""
        return (PinnedFile(self.file, self.bytes, self.sha256), *self.companions)

    def path(self, volume: Volume, file: str = "") -> Path:
        """Where the weights lie, or would; of a companion, where that does."""
        return volume.weights_file(self.sha256, file or self.file)


def pins(volume: Volume) -> dict[str, Pin]:
    """All pinned weights by name: the published ones, and what was imported on this volume."""
    return _imported(volume) | {name: Pin.of(entry) for name, entry in published().items()}


def find(volume: Volume, name: str) -> Pin:
    """The pin of weights whose files are here, not yet verified; raises `WeightsError` saying how to bring them."""
    pin = pins(volume).get(name)
    if pin is None:
        raise WeightsError(f"The weights {name} are not here and have no pinned digest.", IMPORT_HINT.format(name))
    hint = (FETCH_HINT if name in published() else IMPORT_HINT).format(name)
    if not pin.path(volume).is_file():
        raise WeightsError(f"The weights {name} are not here.", hint)
    for file in pin.companions:
        if not pin.path(volume, file.name).is_file():
            raise WeightsError(f"The weights {name} are not here whole: {file.name} is missing.", hint)
    return pin


def locate(volume: Volume, name: str) -> Path:
    """Where the weights lie, after their digest was verified (once a process for an unchanged file).

    Raises `WeightsError` where they are missing or have another digest, naming both digests.
    """
    pin = find(volume, name)
    check_file(pin.path(volume), pin.files[0], REPLACE_HINT)
    return pin.path(volume)


def read_companions(volume: Volume, name: str) -> dict[str, bytes]:
    """What the companions of weights hold, by file name, each verified first; raises `WeightsError` as `locate`."""
    pin = find(volume, name)
    for file in pin.companions:
        check_file(pin.path(volume, file.name), file, REPLACE_HINT)
    return {file.name: pin.path(volume, file.name).read_bytes() for file in pin.companions}


def verify(volume: Volume, name: str) -> list[Check]:
    """Verify the weights and each of their companions; one `Check` each. Raises `WeightsError` where one is missing."""
    pin = find(volume, name)
    return [_checked(pin, pin.path(volume, file.name), file) for file in pin.files]


def _checked(pin: Pin, path: Path, file: PinnedFile) -> Check:
    try:
        check_file(path, file, REPLACE_HINT)
    except WeightsError as error:
        return Check(pin.name, file.name, None, str(error))
    return Check(pin.name, file.name, path, "")


def record(volume: Volume, pin: Pin) -> None:
    """Pin imported weights in the volume's manifest; what medsift knows of itself needs no record."""
    if pin.name not in published():
        _write(volume, _imported(volume) | {pin.name: pin})


def forget(volume: Volume, pin: Pin) -> None:
    """Remove weights that turned out to be of no use, and their pin; a file that others share stays."""
    others = [known for name, known in pins(volume).items() if name != pin.name]
    shared = {known.path(volume, file.name) for known in others for file in known.files}
    for file in pin.files:
        if pin.path(volume, file.name) not in shared:
            pin.path(volume, file.name).unlink(missing_ok=True)
    _write(volume, {name: known for name, known in _imported(volume).items() if name != pin.name})


def _write(volume: Volume, known: Mapping[str, Pin]) -> None:
    document = {name: asdict(pin) for name, pin in sorted(known.items())}
    write_atomically(volume.weights_manifest, json.dumps(document, indent=1).encode() + b"\n")


def _imported(volume: Volume) -> dict[str, Pin]:
    try:
        stored: Mapping[str, Mapping[str, Any]] = json.loads(volume.weights_manifest.read_text(encoding="utf-8"))
        return {name: _stored_pin(values) for name, values in stored.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{volume.weights_manifest} is no manifest of weights ({error}).") from None


def _stored_pin(values: Mapping[str, Any]) -> Pin:
    companions = tuple(PinnedFile(**companion) for companion in values.get("companions", ()))
    return Pin(**{**values, "companions": companions})
