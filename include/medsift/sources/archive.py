"""Zip archives: every picture, DICOM file and PDF inside, as if the archive were a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from medsift.contracts import About, Candidate, Leaf, Missed
from medsift.sources import Tools, register
from medsift.sources._within.opening import pictures_within

READER = "medsift.sources._archive.reader:members"
HEADS = (b"PK\x03\x04", b"PK\x05\x06")


@register("archive")
class ArchiveSource:
    """A zip archive; a picture's path is that of the archive with the member's name behind it."""

    name: ClassVar[str] = "archive"

    def recognises(self, source: str, head: bytes) -> bool:
        """By how a zip archive begins."""
        return head.startswith(HEADS)

    def extract(self, leaf: Leaf, tools: Tools) -> Iterator[Candidate | Missed | About]:
        """What is in each member, in the archive's order; raises `SourceError` where it cannot be opened."""
        yield from pictures_within(READER, Path(leaf.path or leaf.source).absolute(), leaf, tools)
