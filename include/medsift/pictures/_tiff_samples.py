"""Samples of a TIFF as its file has them, where Pillow by itself reads others. Runs in the sandbox child only."""

import sys
from typing import IO

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin

BITS_PER_SAMPLE, PLANAR_CONFIGURATION = 258, 284
SEPARATE = 2  # of that: a plane for each colour
WORDS_OF_COLOURS = ("RGB;16", "RGBX;16", "RGBA;16")  # as Pillow names them, without the order of bytes
# libtiff hands out samples in the machine's order of bytes; Pillow would turn these round once more.
TURNED_TWICE = {"I;16BS": "I;16NS", "I;32B": "I;32N", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
LEAST_SPARE = 2  # bits: cameras fill 14 of 16 at most; where samples use more of them, a picture is only dark

# These Pillow knows with the least byte first alone.
TiffImagePlugin.OPEN_INFO |= {
    (TiffImagePlugin.MM, 0, (1,), 1, (16,), ()): ("I;16B", "I;16B"),
    (TiffImagePlugin.MM, 1, (1,), 1, (32,), ()): ("I", "I;32B"),
}


def loaded(image: TiffImagePlugin.TiffImageFile) -> Image.Image:
    """The page at which the TIFF stands with its pixels; colours of 10, 12 or 14 bits in words of 16 fill the range."""
    page, file, way = image.tell(), image.fp, _way(image)
    has_words = all(bits == 16 for bits in image.tag_v2.get(BITS_PER_SAMPLE, ()))
    is_separate = image.tag_v2.get(PLANAR_CONFIGURATION) == SEPARATE
    if has_words and is_separate and image.mode in ("RGB", "RGBA"):
        _take_from_libtiff(image, f"{image.mode};16N")  # Pillow takes the two bytes of a word for two pixels
    elif image.use_load_libtiff and way in TURNED_TWICE:
        _take_from_libtiff(image, TURNED_TWICE[way])
    image.load()
    if file is None or is_separate or way[:-1] not in WORDS_OF_COLOURS:
        return image
    spare = 8 - _top(image).bit_length()
    return image if spare < LEAST_SPARE else _filled(image, _low_bytes(file, page), spare)


def _way(image: Image.Image) -> str:
    """How Pillow is going to take the samples."""
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    arguments = tiles[0].args if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _take_from_libtiff(image: TiffImagePlugin.TiffImageFile, way: str) -> None:
    whole = (0, 0, *image.size)
    image.tile = [ImageFile._Tile("libtiff", whole, 0, (way, False, image.tag_v2.offset))]
    image.use_load_libtiff = True


def _top(image: Image.Image) -> int:
    """The brightest of the greater bytes of all colours, opacity left out."""
    return max(int(band.getextrema()[1]) for band in image.split()[:3])  # type: ignore[arg-type]  # of one band


def _low_bytes(file: IO[bytes], page: int) -> Image.Image:
    """The lesser byte of each sample, of which Pillow takes the greater alone: read as if it were the greater."""
    image = Image.open(file, formats=["TIFF"])
    image.seek(page)
    way = _way(image)
    turned = way[:-1] + OTHER_ORDER[way[-1]]
    image.tile = [tile._replace(args=(turned, *tile.args[1:])) for tile in image.tile if isinstance(tile.args, tuple)]
    image.load()
    return image


def _filled(image: Image.Image, low_bytes: Image.Image, spare: int) -> Image.Image:
    """The colours moved up by the bits that none of them uses."""
    eight, low = np.array(image), np.asarray(low_bytes)
    eight[..., :3] = eight[..., :3] << spare | low[..., :3] >> (8 - spare)
    result = Image.fromarray(eight, image.mode)
    result.info = image.info
    return result
