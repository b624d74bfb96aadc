"""Members of a zip archive, one after the other. Runs in the sandbox child only.

A member is read through Python's own zipfile and handed on as bytes: nothing is ever written under a name that an
archive says.
"""

import re
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
SEPARATOR = re.compile(rb"(?<![\x80-\xff])\\")
DAMAGE = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, ValueError, LookupError, struct.error)


def members(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The members of the archive at `path`, as `looked_at` has them; raises `SourceError`."""
    try:
        archive = zipfile.ZipFile(arguments["path"])
    except DAMAGE:
        raise SourceError("The archive is damaged: its table of contents cannot be read.") from None
    with archive:
        files = [(_name(info), info) for info in archive.infolist() if not info.is_dir()]
        shown = [(name, info) for name, info in files if not _is_hidden(name, info)]
        yield from looked_at([_member(archive, name, info) for name, info in shown], arguments)


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
    """A member's name as text with slashes."""
    if not info.flag_bits & IS_UTF8:
        with suppress(UnicodeError):  # newer Pythons read a second name, in Unicode
            return _decoded(info.filename.encode("cp437"))
    return info.filename.replace("\\", "/")


def _decoded(raw: bytes) -> str:
    """A name of no stated encoding: UTF-8 where it is, else code page 437.

    But the Shift-JIS of Japanese Windows where a backslash may be half of a letter: 0x5C after a byte above ASCII,
    which separates nothing.
    """
    with suppress(UnicodeError):
        return raw.decode("utf-8").replace("\\", "/")
    raw = SEPARATOR.sub(b"/", raw)
    if b"\\" in raw:
        with suppress(UnicodeError):
            return raw.decode("cp932")
    return raw.decode("cp437")


def _is_hidden(name: str, info: zipfile.ZipInfo) -> bool:
    """Whether a part of it begins with a dot; not where a backslash stands before it, which may be half a letter."""
    parts = [part.partition("\\")[0] for part in PurePosixPath(info.filename).parts]
    is_dotted = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return is_dotted or "__MACOSX" in PurePosixPath(name).parts


def _refusal(name: str, info: zipfile.ZipInfo) -> str:
    """Why a member is not even opened, or nothing."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or name[1:2] == ":":
        return "Its name leads out of the archive."
    if stat.S_ISLNK(info.external_attr >> 16):
        return "It is a link, which is not followed."
    if info.flag_bits & IS_ENCRYPTED:
        return "It is encrypted."
    return ""
