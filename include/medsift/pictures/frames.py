"""Pages of a TIFF as pictures of their own. Runs in the sandbox child only."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from PIL import Image, UnidentifiedImageError

from medsift.errors import PictureError
from medsift.pictures.decode import DECODER_ERRORS, normalised
from medsift.pictures.quality import check_pixels

SUBFILE_TAG = 254  # NewSubfileType
IS_REDUCED = 1  # a smaller copy of another page, as pyramids and previews have


def png(image: Image.Image) -> bytes:
    """A lossless PNG without metadata."""
    image.info = {}
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)  # it lives until the picture is prepared
    return buffer.getvalue()


def tiff_pages(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """First {"pages": n}; where n > 1, for each page {"frame"} with a PNG, or {"frame", "state", "reason"}.

    `arguments`: path, max_pixels. Reduced copies of other pages do not count. Raises `PictureError`.
    """
    try:
        image = Image.open(arguments["path"], formats=["TIFF"])
        pages = [number for number in range(getattr(image, "n_frames", 1)) if _is_page(image, number)]
    except UnidentifiedImageError:
        raise PictureError("It is a TIFF of a kind that is not read, or damaged.") from None
    except DECODER_ERRORS:
        raise PictureError("The TIFF is damaged and cannot be opened.") from None
    yield {"pages": len(pages)}, b""
    for frame, number in enumerate(pages if len(pages) > 1 else [], start=1):
        try:
            yield {"frame": frame}, _page(image, number, arguments["max_pixels"])
        except PictureError as error:
            yield {"frame": frame, "state": error.state, "reason": error.sentence}, b""


def _is_page(image: Image.Image, number: int) -> bool:
    image.seek(number)
    return number == 0 or not int(image.tag_v2.get(SUBFILE_TAG, 0)) & IS_REDUCED  # type: ignore[attr-defined]


def _page(image: Image.Image, number: int, max_pixels: int) -> bytes:
    try:
        image.seek(number)
    except DECODER_ERRORS:
        raise PictureError("The page is damaged and cannot be decoded.") from None
    check_pixels(*image.size, max_pixels)
    return png(normalised(image).copy())
