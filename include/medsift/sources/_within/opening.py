"""Reads the files within a file, each by its own kind of source.

One is unpacked into a scratch folder under a name of ours, read, and gone again before the next: nothing of it is kept
but its pictures. A file within a file within a file is told and not opened.
"""

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from medsift.contracts import PICTURE_ENDINGS, About, Candidate, Leaf, Missed, Place
from medsift.errors import EmptySourceError, SourceError
from medsift.sandbox import MAX_REASON, Sandbox
from medsift.sources import KINDS, Tools, keep_nothing
from medsift.sources._dicom.pseudonyms import path_pseudonym

log = logging.getLogger(__name__)

MAX_BYTES = 2000 * 2**20  # of all files within one together
NESTED = "It lies within a file within a file, which is not opened."


def pictures_within(reader: str, path: Path, leaf: Leaf, tools: Tools) -> Iterator[Candidate | Missed]:
    """What is in each file that `reader` finds in `path`, in its order.

    A picture's path is `path` with the name within behind it. `reader` is a function for the sandbox that answers as
    `members.looked_at`. Raises `SourceError` where the file around them cannot be opened.
    """
    endings = sorted({*tools.settings.allowed_extensions, "zip"})  # archives inside are told, not passed over
    arguments = {"path": str(path), "endings": endings, "max_bytes": MAX_BYTES}
    # A child of its own, since those that read the files within are asked in between.
    with Sandbox(tools.sandbox.limits) as unpacking, tempfile.TemporaryDirectory(prefix="medsift-") as scratch:
        for header, data in unpacking.stream(reader, arguments):
            if "skipped" in header:
                log.info("%d files within a file are of no kind that is looked for", header.number("skipped"))
                if left_out := header.text("left_out", MAX_REASON):
                    yield Missed(Place(path=str(path)), "rejected", left_out, is_part=True)
                return
            name = header.text("name")
            kind = _kind(name, data) if "reason" not in header else ""
            if tools.hides_dicom_paths and _may_name_a_person(name, kind):
                name = path_pseudonym(tools.key, f"{leaf.source}/{name}")
            if "reason" in header:
                yield Missed(Place(path=f"{path}/{name}"), header.state(), header.text("reason", MAX_REASON))
                continue
            yield from _of_member(f"{path}/{name}", kind, data, Path(scratch), tools)


def _kind(name: str, data: bytes) -> str:
    kinds = [kind for kind in KINDS.names() if kind != "web"]  # which goes by the name, and opens no file
    return next((kind for kind in kinds if KINDS.get(kind)().recognises(name, data[:4096])), "folder")


def _may_name_a_person(name: str, kind: str) -> bool:
    """Whether it is DICOM, or may be for all that its name says."""
    return kind == "dicom" or PurePosixPath(name).suffix.lower().lstrip(".") not in (*PICTURE_ENDINGS, "pdf", "zip")


def _of_member(member: str, kind: str, data: bytes, scratch: Path, tools: Tools) -> Iterator[Candidate | Missed]:
    """What the member's own kind of source finds in it."""
    if kind == "archive":
        yield Missed(Place(path=member), "rejected", NESTED)
        return
    unpacked = scratch / "member"
    unpacked.write_bytes(data)
    within = replace(tools, keep=keep_nothing, is_within=True)
    try:
        for item in KINDS.get(kind)().extract(Leaf(member, kind, "", path=str(unpacked)), within):
            if not isinstance(item, About):
                yield _placed(item, member)
    except EmptySourceError:
        log.info("a file within a file holds no picture")
    except SourceError as error:
        yield Missed(Place(path=member), "failed", str(error))
    finally:
        unpacked.unlink()


def _placed(item: Candidate | Missed, member: str) -> Candidate | Missed:
    place = replace(item.place, path=member)
    if isinstance(item, Missed) and item.is_part:
        return replace(item, place=place, reason=f"{Path(member).name}: {item.reason}")
    return replace(item, place=place)
