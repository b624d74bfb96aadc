"""Where pictures come from: one file a kind of source, registered by name.

Parents stay outside: PyMuPDF, Pillow and pydicom run only in functions that are called through the sandbox.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from medsift.contracts import About, Candidate, Leaf, Missed
from medsift.registry import Registry
from medsift.sandbox import Sandbox
from medsift.settings import Settings

if TYPE_CHECKING:
    from medsift.sources.http import Door


def keep_nothing(_document: Path) -> None:
    """Default: documents are not kept."""


@dataclass(frozen=True)
class Tools:
    """What a source kind may use: settings, a child process, the door to the network.

    `key` makes the keyed hashes of what may identify a person (unless given, one that nobody knows); with
    `hides_dicom_paths` the names of DICOM files inside others are among that.
    `keep` is told of each document that gave pictures, whole and as it was read: never of DICOM, of archives or
    of what lies within another file (`is_within`).
    """

    settings: Settings
    sandbox: Sandbox
    door: "Door"
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    hides_dicom_paths: bool = False
    keep: Callable[[Path], None] = keep_nothing
    is_within: bool = False


class SourceKind(Protocol):
    """A kind of source. `extract` yields every picture (`Candidate`), what could not be had (`Missed`) and at most
    one `About`; it raises `SourceError` where the whole source cannot be read."""

    name: ClassVar[str]

    def recognises(self, source: str, head: bytes) -> bool:
        """Whether this kind reads it: `source` is a path or address, `head` its first 4096 bytes (none for a URL)."""

    def extract(self, leaf: Leaf, tools: Tools) -> Iterator[Candidate | Missed | About]:
        """Every picture of the leaf source, in reading order."""


KINDS: Registry[type[SourceKind]] = Registry("source kind", "medsift.sources")
register = KINDS.register
