"""Weights on the volume: published ones that were fetched or imported, and others under a digest somebody named.

They lie under `weights/<SHA-256>/`. `weights/manifest.json` pins those that medsift does not know of itself.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from medsift.errors import WeightsError
from medsift.volume import Volume, write_atomically
from medsift.weights import PinnedFile, check_file
from medsift.weights.published import Published, published

FETCH_HINT = "Fetch them with `medsift weights fetch {0}`, or bring the file: `medsift weights import {0} FILE`."
IMPORT_HINT = "Bring them with `medsift weights import {0} FILE --sha256 DIGEST`."


@dataclass(frozen=True)
class Pin:
    """The one file that may be used as the weights `name`; `tag` says whose training it is, as open_clip names it."""

    name: str
    file: str
    bytes: int
    sha256: str
    tag: str = ""

    @classmethod
    def of(cls, entry: Published) -> "Pin":
        """The pin of published weights."""
        return cls(entry.name, entry.file, entry.bytes, entry.sha256, entry.tag)

    def path(self, volume: Volume) -> Path:
        """Where the file lies, or would."""
        return volume.weights_file(self.sha256, self.file)


def pins(volume: Volume) -> dict[str, Pin]:
    """All pinned weights by name: the published ones, and what was imported on this volume."""
    return _imported(volume) | {name: Pin.of(entry) for name, entry in published().items()}


def find(volume: Volume, name: str) -> Pin:
    """The pin of weights whose file is here, not yet verified; raises `WeightsError` saying how to bring them."""
    pin = pins(volume).get(name)
    if pin is None:
        raise WeightsError(f"The weights {name} are not here and have no pinned digest.", IMPORT_HINT.format(name))
    if not pin.path(volume).is_file():
        hint = FETCH_HINT if name in published() else IMPORT_HINT
        raise WeightsError(f"The weights {name} are not here.", hint.format(name))
    return pin


def locate(volume: Volume, name: str) -> Path:
    """Where the weights lie, after their digest was verified (once a process for an unchanged file).

    Raises `WeightsError` where they are missing or have another digest, naming both digests.
    """
    pin = find(volume, name)
    check_file(pin.path(volume), PinnedFile(pin.file, pin.bytes, pin.sha256), "Remove the file and bring it anew.")
    return pin.path(volume)


def record(volume: Volume, pin: Pin) -> None:
    """Pin imported weights in the volume's manifest; what medsift knows of itself needs no record."""
    if pin.name not in published():
        _write(volume, _imported(volume) | {pin.name: pin})


def forget(volume: Volume, pin: Pin) -> None:
    """Remove weights that turned out to be of no use, and their pin."""
    pin.path(volume).unlink(missing_ok=True)
    _write(volume, {name: known for name, known in _imported(volume).items() if name != pin.name})


def _write(volume: Volume, known: Mapping[str, Pin]) -> None:
    document = {name: asdict(pin) for name, pin in sorted(known.items())}
    write_atomically(volume.weights_manifest, json.dumps(document, indent=1).encode() + b"\n")


def _imported(volume: Volume) -> dict[str, Pin]:
    try:
        stored: Mapping[str, Mapping[str, object]] = json.loads(volume.weights_manifest.read_text(encoding="utf-8"))
        return {name: Pin(**values) for name, values in stored.items()}  # type: ignore[arg-type]
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{volume.weights_manifest} is no manifest of weights ({error}).") from None
