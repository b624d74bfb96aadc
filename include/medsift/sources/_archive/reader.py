"""Members of a zip archive, one after the other. Runs in the sandbox child only.

A member is read through Python's own zipfile and handed on as bytes: nothing is ever written under a name that an
archive says. What counts against the limits is what comes out, not what the archive announces.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from lzma import LZMAError
from pathlib import PurePosixPath
from typing import Any

from medsift.errors import SourceError
from medsift.sources._dicom.heads import begins_like_dicom

MAX_MEMBERS = 10_000
MAX_MEMBER_BYTES = 512 * 2**20
HEAD_BYTES = 4096
IS_ENCRYPTED, IS_UTF8 = 0x1, 0x800
DAMAGE = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, ValueError, LookupError, struct.error)


def members(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """{"name"} with the bytes of each member to look at, {"name", "state", "reason"} for one that cannot be had, at
    last {"skipped": n, "left_out": reason or nothing}.

    `arguments`: path, endings (lower case, without dot), max_bytes (of all members together). Files of another ending
    are skipped unless they are DICOM and `dcm` is among the endings. Raises `SourceError`.
    """
    try:
        archive = zipfile.ZipFile(arguments["path"])
    except DAMAGE:
        raise SourceError("The archive is damaged: its table of contents cannot be read.") from None
    with archive:
        yield from _members(archive, set(arguments["endings"]), arguments["max_bytes"])


def _members(archive: zipfile.ZipFile, endings: set[str], left: int) -> Iterator[tuple[dict[str, Any], bytes]]:
    files = [(_name(info), info) for info in archive.infolist() if not info.is_dir()]
    shown = [(name, info) for name, info in files if not _is_hidden(name)]
    skipped, left_out = 0, ""
    if len(shown) > MAX_MEMBERS:
        left_out = f"Only {MAX_MEMBERS} of its {len(shown)} files were read."
    for name, info in shown[:MAX_MEMBERS]:
        if reason := _refusal(name, info):
            yield {"name": name, "state": "rejected", "reason": reason}, b""
            continue
        try:
            data = _wanted(archive, name, info, endings, min(left, MAX_MEMBER_BYTES))
        except NotImplementedError:
            yield {"name": name, "state": "failed", "reason": "Its compression is not read."}, b""
            continue
        except (*DAMAGE, RuntimeError):
            yield {"name": name, "state": "failed", "reason": "It is damaged inside the archive."}, b""
            continue
        if data is None:
            skipped += 1
        elif len(data) > MAX_MEMBER_BYTES:
            reason = f"It unpacks to more than {MAX_MEMBER_BYTES >> 20} MB."
            yield {"name": name, "state": "rejected", "reason": reason}, b""
        elif len(data) > left:
            left_out = "It unpacks to more than is read of one archive; the rest was left out."
            break
        else:
            left -= len(data)
            yield {"name": name}, data
    yield {"skipped": skipped, "left_out": left_out}, b""


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name as text with slashes: UTF-8 where it is, whatever the archive says of it, else code page 437."""
    name = info.filename
    if not info.flag_bits & IS_UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _is_hidden(name: str) -> bool:
    return any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in PurePosixPath(name).parts)


def _refusal(name: str, info: zipfile.ZipInfo) -> str:
    """Why a member is not even opened, or nothing."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or name[1:2] == ":":
        return "Its name leads out of the archive."
    if stat.S_ISLNK(info.external_attr >> 16):
        return "It is a link, which is not followed."
    if info.flag_bits & IS_ENCRYPTED:
        return "It is encrypted."
    return ""


def _wanted(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo, endings: set[str], most: int) -> bytes | None:
    """A member's bytes, at most one more than `most`; None where it is not to be looked at."""
    with archive.open(info) as file:
        head = file.read(HEAD_BYTES)
        is_dicom = "dcm" in endings and begins_like_dicom(head)
        if not is_dicom and PurePosixPath(name).suffix.lower().lstrip(".") not in endings:
            return None
        # To its end, where the checksum is compared, or one byte past what may come.
        return head + file.read(max(0, most + 1 - len(head)))
