"""Files that people send: streamed to the volume, up to a limit, told by content, under names that lead nowhere."""

import re
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from secrets import token_hex
from shutil import rmtree

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from medsift.settings import Settings
from medsift.sources.folder import HEAD_BYTES, read_head
from medsift.steps.expand import LIST_ENDINGS, kind_of
from medsift.volume import Volume, atomic_path

TICKET = "^[0-9a-f]{32}$"
LONGEST_NAME = 200  # bytes: file systems take 255
ENDINGS = {"pdf": "pdf", "archive": "zip", "dicom": "dcm", "folder": "png"}  # where a name has none that is read
NOT_READ = "Nothing here reads this kind of file; send PDF, pictures, DICOM or zip."


async def receive(chunks: AsyncIterator[bytes], name: str, settings: Settings) -> tuple[str, Path, str]:
    """Store what comes; its ticket, path and kind. Raises 413 where it is too large, 415 where nothing reads it."""
    ticket, volume = token_hex(16), Volume(settings.volume)
    target = volume.upload(ticket, "part")
    try:
        with atomic_path(target, volume.incoming) as part:
            await _write(chunks, part, settings.upload_max_mb)
            kind = kind_of(str(part), read_head(part)[:HEAD_BYTES])
            if not kind:
                raise HTTPException(415, NOT_READ if part.stat().st_size else "The file is empty.")
        named = volume.upload(ticket, safe_name(name, kind, settings))
        target.replace(named)
    except BaseException:
        rmtree(target.parent, ignore_errors=True)
        raise
    return ticket, named, kind


async def _write(chunks: AsyncIterator[bytes], part: Path, most_mb: int) -> None:
    size = 0
    with part.open("wb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > most_mb * 2**20:
                raise HTTPException(413, f"The file has more than {most_mb} MB (setting upload_max_mb).")
            await run_in_threadpool(file.write, chunk)


def sent(volume: Volume, ticket: str) -> Path:
    """The file that was given this ticket; raises 404."""
    folder = volume.upload(ticket, "part").parent
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    if not found:
        raise HTTPException(404, f"There is no upload {ticket}; files are removed once their run is over.")
    return found[0]


def safe_name(name: str, kind: str, settings: Settings) -> str:
    """The last part of a name, of letters, digits and a few signs, with an ending that is read as what it is."""
    last = PurePosixPath(name.replace("\\", "/")).name
    plain = re.sub(r"[^\w.()+-]", "_", last).lstrip(".").encode()[-LONGEST_NAME:].decode(errors="ignore") or "file"
    ending = PurePosixPath(plain).suffix.lower()
    is_read = ending.lstrip(".") in settings.allowed_extensions and ending not in LIST_ENDINGS
    return plain if is_read else f"{plain}.{ENDINGS.get(kind, 'bin')}"
