"""Members of a zip archive, one after the other. Runs in the sandbox child only.

A member is read through Python's own zipfile and handed on as bytes: nothing is ever written under a name that an
archive says.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from lzma import LZMAError
from pathlib import PurePosixPath
from typing import Any

from medsift.errors import SourceError
from medsift.sources._within.members import Member, looked_at

IS_ENCRYPTED, IS_UTF8 = 0x1, 0x800
DAMAGE = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, ValueError, LookupError, struct.error)


def members(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The members of the archive at `path`, as `looked_at` has them; raises `SourceError`."""
    try:
        archive = zipfile.ZipFile(arguments["path"])
    except DAMAGE:
        raise SourceError("The archive is damaged: its table of contents cannot be read.") from None
    with archive:
        files = [(_name(info), info) for info in archive.infolist() if not info.is_dir()]
        yield from looked_at([_member(archive, name, info) for name, info in files if not _is_hidden(name)], arguments)


def _member(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> Member:
    return Member(name, partial(_read, archive, info), _refusal(name, info))


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, count: int) -> bytes:
    """The first bytes of a member; its checksum is compared where its end is among them."""
    try:
        with archive.open(info) as file:
            return file.read(count)
    except NotImplementedError:
        raise SourceError("Its compression is not read.") from None
    except (*DAMAGE, RuntimeError):
        raise SourceError("It is damaged inside the archive.") from None


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
