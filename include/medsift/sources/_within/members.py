"""Which of the files within a file are looked at, within limits. Runs in the sandbox child only.

What counts against the limits is what comes out, not what the file around them announces.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from medsift.contracts import PICTURE_ENDINGS
from medsift.errors import SourceError
from medsift.pictures.heads import is_picture
from medsift.sources._dicom.heads import begins_like_dicom

MAX_MEMBERS = 10_000
MAX_MEMBER_BYTES = 512 * 2**20
HEAD_BYTES = 4096
MAX_NAME, MAX_ENDING = 1000, 16


@dataclass(frozen=True)
class Member:
    """A file within a file: `read` gives its first n bytes or raises `SourceError`; with a `refusal` it is not read.

    `may_lack_ending`: where files are seldom named as on a disk, a picture without an ending is one by its content.
    """

    name: str
    read: Callable[[int], bytes]
    refusal: str = ""
    may_lack_ending: bool = False


def looked_at(members: Sequence[Member], arguments: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """{"name"} with the bytes of each member to look at, {"name", "state", "reason"} for one that cannot be had, at
    last {"skipped": n, "left_out": reason or nothing}.

    `arguments`: endings (lower case, without dot), max_bytes (of all members together). Files of another ending are
    skipped unless they are DICOM and `dcm` is among the endings, or a picture that may lack one.
    """
    endings, left = set(arguments["endings"]), int(arguments["max_bytes"])
    skipped, left_out = 0, ""
    if len(members) > MAX_MEMBERS:
        left_out = f"Only {MAX_MEMBERS} of its {len(members)} files were read."
    for member in map(_shortened, members[:MAX_MEMBERS]):
        if member.refusal:
            yield _missed(member, "rejected", member.refusal)
            continue
        try:
            if not _is_wanted(member, endings):
                skipped += 1
                continue
            data = member.read(min(left, MAX_MEMBER_BYTES) + 1)
        except SourceError as error:
            yield _missed(member, "failed", str(error))
            continue
        if len(data) > MAX_MEMBER_BYTES:
            yield _missed(member, "rejected", f"It unpacks to more than {MAX_MEMBER_BYTES >> 20} MB.")
        elif len(data) > left:
            left_out = "It unpacks to more than is read of the files within one; the rest was left out."
            break
        else:
            left -= len(data)
            yield {"name": member.name}, data
    yield {"skipped": skipped, "left_out": left_out}, b""


def _shortened(member: Member) -> Member:
    """With a name that a row can hold; its ending stays."""
    if len(member.name) <= MAX_NAME:
        return member
    ending = PurePosixPath(member.name).suffix[:MAX_ENDING]
    return replace(member, name=member.name[: MAX_NAME - len(ending)] + ending)


def _is_wanted(member: Member, endings: set[str]) -> bool:
    ending = PurePosixPath(member.name).suffix.lower().lstrip(".")
    may_be_bare = member.may_lack_ending and not ending and not endings.isdisjoint(PICTURE_ENDINGS)
    if ending in endings or not ("dcm" in endings or may_be_bare):
        return ending in endings
    head = member.read(HEAD_BYTES)
    return ("dcm" in endings and begins_like_dicom(head)) or (may_be_bare and is_picture(head))


def _missed(member: Member, state: str, reason: str) -> tuple[dict[str, Any], bytes]:
    return {"name": member.name, "state": state, "reason": reason}, b""
