"""Zip archives: every picture, DICOM file and PDF inside, as if the archive were a folder.

A member is unpacked into a scratch folder under a number of ours, read by its own kind of source, and gone again
before the next: nothing of an archive is kept but its pictures. An archive within an archive is not opened.
"""

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from medsift.contracts import About, Candidate, Leaf, Missed, Place
from medsift.errors import EmptySourceError, SourceError
from medsift.sandbox import MAX_REASON, Sandbox
from medsift.sources import KINDS, Tools, register
from medsift.sources._dicom.pseudonyms import path_pseudonym

log = logging.getLogger(__name__)

READER = "medsift.sources._archive.reader:members"
HEADS = (b"PK\x03\x04", b"PK\x05\x06")
MAX_BYTES = 2000 * 2**20  # of all members together
NESTED = "It is an archive within an archive, which is not opened."


@register("archive")
class ArchiveSource:
    """A zip archive; a picture's path is that of the archive with the member's name behind it."""

    name: ClassVar[str] = "archive"

    def recognises(self, source: str, head: bytes) -> bool:
        """By how a zip archive begins."""
        return head.startswith(HEADS)

    def extract(self, leaf: Leaf, tools: Tools) -> Iterator[Candidate | Missed | About]:
        """What is in each member, in the archive's order; raises `SourceError` where it cannot be opened."""
        path = Path(leaf.path or leaf.source).absolute()
        endings = sorted({*tools.settings.allowed_extensions, "zip"})  # archives inside are told, not passed over
        arguments = {"path": str(path), "endings": endings, "max_bytes": MAX_BYTES}
        # A child of its own, since those that read the members are asked in between.
        with Sandbox(tools.sandbox.limits) as unpacking, tempfile.TemporaryDirectory(prefix="medsift-") as scratch:
            for header, data in unpacking.stream(READER, arguments):
                if "skipped" in header:
                    log.info("%d files of an archive are of no kind that is looked for", header.number("skipped"))
                    if left_out := header.text("left_out", MAX_REASON):
                        yield Missed(Place(path=str(path)), "rejected", left_out, is_part=True)
                    return
                name = header.text("name")
                if "reason" in header:
                    yield Missed(Place(path=f"{path}/{name}"), header.state(), header.text("reason", MAX_REASON))
                    continue
                kind = _kind(name, data)
                if kind == "dicom" and tools.hides_dicom_paths:
                    name = path_pseudonym(tools.key, f"{leaf.source}/{name}")
                yield from _inside(f"{path}/{name}", kind, data, Path(scratch), tools)


def _kind(name: str, data: bytes) -> str:
    return next((kind for kind in KINDS.names() if KINDS.get(kind)().recognises(name, data[:4096])), "folder")


def _inside(member: str, kind: str, data: bytes, scratch: Path, tools: Tools) -> Iterator[Candidate | Missed]:
    """What the member's own kind of source finds in it."""
    if kind == ArchiveSource.name:
        yield Missed(Place(path=member), "rejected", NESTED)
        return
    unpacked = scratch / "member"
    unpacked.write_bytes(data)
    try:
        for item in KINDS.get(kind)().extract(Leaf(member, kind, "", path=str(unpacked)), tools):
            if not isinstance(item, About):
                yield _placed(item, member)
    except EmptySourceError:
        log.info("a file of an archive holds no picture")
    except SourceError as error:
        yield Missed(Place(path=member), "failed", str(error))
    finally:
        unpacked.unlink()


def _placed(item: Candidate | Missed, member: str) -> Candidate | Missed:
    place = replace(item.place, path=member)
    if isinstance(item, Missed) and item.is_part:
        return replace(item, place=place, reason=f"{Path(member).name}: {item.reason}")
    return replace(item, place=place)
