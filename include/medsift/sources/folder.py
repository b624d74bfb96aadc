"""Single picture files, from folders or given alone."""

import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import ClassVar

from medsift.contracts import About, Candidate, Leaf, Missed, Place
from medsift.errors import PictureError, SourceError
from medsift.pictures.heads import TIFF_HEADS, is_picture
from medsift.sandbox import MAX_REASON, Item
from medsift.sources import Tools, register
from medsift.sources._dicom.heads import begins_like_dicom

MAX_FILE_BYTES = 2**30
HEAD_BYTES = 4096
ESCAPED_BYTE = re.compile(rb"\\x([89a-f][0-9a-f])")


@register("folder")
class FolderSource:
    """One picture file: as found, or page by page where a TIFF has several."""

    name: ClassVar[str] = "folder"

    def recognises(self, source: str, head: bytes) -> bool:
        """Whether the content is a picture's; endings are not believed."""
        return is_picture(head)

    def extract(self, leaf: Leaf, tools: Tools) -> Iterator[Candidate | Missed | About]:
        """The picture, or each page of a TIFF; raises `SourceError` where the file cannot be read."""
        path = Path(leaf.path or leaf.source)
        head = read_head(path)
        place = Place(path=str(path))
        if not is_picture(head):
            yield Missed(place, "rejected", "The file is empty." if not head else "Its content is no picture.")
        elif head.startswith(TIFF_HEADS):
            yield from _pages(path, tools)
        else:
            yield Candidate(place, _whole(path), is_rebuilt=False)


def shown_name(path: str) -> str:
    """A path as text that a row can hold: bytes that are no UTF-8 stand as `\\xff`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\0")


def real_path(shown: str) -> Path:
    """The path that `shown_name` has shown so."""
    path = Path(shown)
    if "\\x" not in shown or os.path.lexists(path):
        return path
    return Path(os.fsdecode(ESCAPED_BYTE.sub(lambda found: bytes([int(found[1], 16)]), shown.encode())))


def leaf_files(folder: Path, allowed_extensions: Collection[str]) -> Iterator[Path]:
    """Files below a folder to look at, sorted: those of an allowed ending, and DICOM files whatever their ending
    (where `dcm` is allowed)."""
    allowed = {f".{extension}" for extension in allowed_extensions}
    for path in regular_files(folder):
        if path.suffix.lower() in allowed or path.is_dir() or (".dcm" in allowed and _is_dicom(path)):
            yield path


def regular_files(folder: Path) -> Iterator[Path]:
    """Files below a folder, sorted; hidden ones, pipes, devices and links out of the folder are passed over.

    A subfolder that may not be read is given in place of its files, so that it is reported. Raises `OSError` where
    the folder itself cannot be read.
    """
    root = folder.resolve()
    for path in _below(folder):
        is_unreadable_folder = path.is_dir() and not path.is_symlink()
        if is_unreadable_folder or _is_file_inside(path, root):
            yield path


def links_out(folder: Path) -> Iterator[Path]:
    """Links below a folder, sorted, that lead out of it: to a file, to a folder or nowhere.

    Raises `OSError` where the folder itself cannot be read.
    """
    root = folder.resolve()
    for path in _below(folder):
        if path.is_symlink() and _leads_out(path, root):
            yield path


def read_head(path: Path) -> bytes:
    """The first 4096 bytes of a regular file; raises `SourceError`, and never waits for a pipe or device."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:  # noqa: PTH123  Path.open cannot be told not to wait for a pipe
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError("It is not a regular file.")
            return file.read(HEAD_BYTES)
    except FileNotFoundError:
        raise SourceError("There is no such file.") from None
    except OSError as error:
        raise SourceError(f"The file cannot be read ({error.strerror}).") from None


def _below(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is not hidden, but folders only where they may not be read."""
    with os.scandir(folder) as entries:
        shown = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in shown:
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False) and os.access(path, os.R_OK | os.X_OK):
            yield from _below(path)
        else:
            yield path


def _is_file_inside(path: Path, root: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode) and (not path.is_symlink() or path.resolve().is_relative_to(root))
    except (OSError, RuntimeError):  # a dangling link, or links that go round in a circle
        return False


def _leads_out(path: Path, root: Path) -> bool:
    try:
        return not path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # links that go round in a circle
        return False


def _is_dicom(path: Path) -> bool:
    try:
        return begins_like_dicom(read_head(path))
    except SourceError:
        return False


def _whole(path: Path) -> bytes:
    if (size := path.stat().st_size) > MAX_FILE_BYTES:
        raise SourceError(f"The file has {size / 2**20:.0f} MB; pictures of up to {MAX_FILE_BYTES >> 20} MB are read.")
    return path.read_bytes()


def _pages(path: Path, tools: Tools) -> Iterator[Candidate | Missed]:
    arguments = {"path": str(path.absolute()), "max_pixels": tools.settings.max_pixels}
    try:
        for header, data in tools.sandbox.stream("medsift.pictures.frames:tiff_pages", arguments):
            yield from _of_page(path, header, data)
    except PictureError as error:
        yield Missed(Place(path=str(path)), "failed", str(error))


def _of_page(path: Path, header: Item, data: bytes) -> Iterator[Candidate | Missed]:
    if "is_whole" in header:
        if header["is_whole"]:
            yield Candidate(Place(path=str(path)), _whole(path), is_rebuilt=False)
        return
    if "cut" in header:
        yield Missed(Place(path=str(path)), "failed", header.text("cut", MAX_REASON), is_part=True)
        return
    place = Place(path=str(path), frame=header.number("frame"))
    if "reason" in header:
        yield Missed(place, header.state(), header.text("reason", MAX_REASON))
    else:
        yield Candidate(place, data, is_rebuilt=True)
