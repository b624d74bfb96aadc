"""One candidate file to everything that is kept of a picture. Runs in the sandbox child only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from medsift.pictures.decode import EXTENSIONS, normalised, open_picture, orientation
from medsift.pictures.digests import identity_of_bytes, identity_of_pixels, perceptual_hash
from medsift.pictures.frames import png
from medsift.pictures.jpeg_end import with_end
from medsift.pictures.metadata import without_metadata
from medsift.pictures.quality import check_content, check_size
from medsift.pictures.thumbnails import SIDE, reduced, reduced_copy, thumbnail


def prepare(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The facts with the thumbnail, then what is to be stored where that is not the file as found: a reduced copy, or
    the file without its metadata; raises `PictureError`.

    `arguments`: path, is_rebuilt, min_side, max_aspect_ratio, max_pixels, copy_max_px (0: none), copy_quality.
    """
    data = payload or Path(arguments["path"]).read_bytes()
    opened = open_picture(data, arguments["max_pixels"])
    extension = EXTENSIONS[str(opened.format)]
    check_size(*opened.size, arguments["min_side"], arguments["max_aspect_ratio"])
    width, height = opened.size
    if not arguments["is_rebuilt"] and not arguments["copy_max_px"]:
        opened.draft(None, (2 * SIDE, 2 * SIDE))
    image = normalised(opened)
    if image.size != opened.size:  # it lay on its side
        width, height = height, width
    check_content(image.getextrema())
    small = reduced(image)
    stored = _copy(image, len(data), arguments["copy_max_px"], arguments["copy_quality"])
    if stored:
        extension = "jpg"
    elif not arguments["is_rebuilt"]:
        stored, extension = _anonymous(with_end(data), opened, arguments["max_pixels"])
    facts = {
        "sha256": identity_of_pixels(opened) if arguments["is_rebuilt"] else identity_of_bytes(data),
        "width": width,
        "height": height,
        "extension": extension,
        "perceptual_hash": perceptual_hash(small),
    }
    yield facts, thumbnail(small)
    if stored and stored != data:
        yield {}, stored


def _anonymous(data: bytes, opened: Image.Image, max_pixels: int) -> tuple[bytes, str]:
    """The file without metadata, and its extension."""
    name = str(opened.format)
    try:
        return without_metadata(data, name, orientation(opened)), EXTENSIONS[name]
    except ValueError:  # so only its pixels are kept
        return png(normalised(open_picture(data, max_pixels))), "png"


def _copy(image: Image.Image, found_bytes: int, max_side: int, quality: int) -> bytes:
    """A reduced copy, empty where none is wanted or it would be larger than what was found."""
    if not max_side or max(image.size) <= max_side:
        return b""
    copy = reduced_copy(image, max_side, quality)
    return copy if len(copy) < found_bytes else b""
