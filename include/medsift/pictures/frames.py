"""Pages of a TIFF as pictures of their own. Runs in the sandbox child only."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from PIL import Image, UnidentifiedImageError

from medsift.errors import PictureError
from medsift.pictures.decode import DECODER_ERRORS, normalised
from medsift.pictures.quality import check_pixels

SUBFILE_TAG, WIDTH_TAG = 254, 256  # NewSubfileType, ImageWidth
NO_PAGE = 1 | 4  # a smaller copy of another page, as pyramids and previews have, or a mask of one


def png(image: Image.Image) -> bytes:
    """A lossless PNG without metadata."""
    image.info = {}
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)  # it lives until the picture is prepared
    return buffer.getvalue()


def tiff_pages(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """First {"is_whole"}, true where the file as it is shows its only picture; else for each page {"frame"} with a PNG,
    or {"frame", "state", "reason"}. At last {"cut": reason} where further pages cannot be reached.

    `arguments`: path, max_pixels. Reduced copies of other pages and masks of them do not count. Raises `PictureError`.
    """
    try:
        image = Image.open(arguments["path"], formats=["TIFF"])
    except UnidentifiedImageError:
        raise PictureError("It is a TIFF of a kind that is not read, or damaged.") from None
    except DECODER_ERRORS:
        raise PictureError("The TIFF is damaged and cannot be opened.") from None
    pages, reached, is_cut = _pages(image)
    is_whole = pages == [0]
    yield {"is_whole": is_whole}, b""
    for frame, number in enumerate([] if is_whole else pages, start=1):
        try:
            yield {"frame": frame}, _page(image, number, arguments["max_pixels"])
        except PictureError as error:
            yield {"frame": frame, "state": error.state, "reason": error.sentence}, b""
    if is_cut:
        yield {"cut": f"Pages from {reached + 1} on cannot be reached: the TIFF is damaged or cut short."}, b""


def _pages(image: Image.Image) -> tuple[list[int], int, bool]:
    """Which pages are pictures of their own, how many there are at all, and whether the way to further ones is lost."""
    shown, number = list[int](), 0
    while True:
        try:
            image.seek(number)
        except EOFError:
            return shown or [0], number, False
        except DECODER_ERRORS:
            if image.tell() != number or WIDTH_TAG not in image.tag_v2:  # type: ignore[attr-defined]  # a TIFF has it
                return shown or [0], number, True
            shown.append(number)  # of a kind that is not read, which is told when its turn comes
        else:
            if not int(image.tag_v2.get(SUBFILE_TAG, 0)) & NO_PAGE:  # type: ignore[attr-defined]  # a TIFF has it
                shown.append(number)
        number += 1


def _page(image: Image.Image, number: int, max_pixels: int) -> bytes:
    try:
        image.seek(number)
    except DECODER_ERRORS:
        raise PictureError("The page is damaged and cannot be decoded.") from None
    check_pixels(*image.size, max_pixels)
    return png(normalised(image).copy())
