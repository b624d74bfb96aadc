"""Letters and arrows for drawn figures: fonts that the libraries in use bring along, words of no language."""

import io
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import pymupdf
from alignment.drawn.shapes import Draw
from PIL import ImageDraw, ImageFont

Point = tuple[float, float]
Colour = tuple[int, int, int]

BUILT_IN = ("helv", "hebo", "heit", "tiro", "tibo", "tiit", "cour", "cobo")
FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf", "cmr10.ttf", "cmss10.ttf")
SYLLABLES = ("ka", "lo", "mi", "ter", "on", "va", "si", "ren", "da", "po", "ule", "gra", "ta", "ne", "bor", "is", "ex")


def font_of(draw: Draw, size: int) -> ImageFont.FreeTypeFont:
    """Any of the fonts, in pixels."""
    return ImageFont.truetype(io.BytesIO(_bytes_of(str(draw.choice(BUILT_IN + FILES)))), size)


def word(draw: Draw) -> str:
    """Made of 1 to 4 syllables, at times with a capital."""
    letters = "".join(draw.choice(SYLLABLES, draw.integers(1, 5)))
    return letters.capitalize() if draw.random() < 0.4 else letters


def words(draw: Draw, count: int) -> str:
    """`count` words with spaces between."""
    return " ".join(word(draw) for _ in range(count))


def arrow(pen: ImageDraw.ImageDraw, start: Point, end: Point, ink: Colour, width: int) -> None:
    """A line with a filled head at its end, three times as wide and more."""
    along = np.subtract(end, start)
    along = along / (np.hypot(*along) + 1e-9)
    aside, head = np.array([-along[1], along[0]]), 4 + 2.5 * width
    neck = end - along * head
    pen.line([start, tuple(neck)], fill=ink, width=width)
    pen.polygon([end, tuple(neck + aside * head / 2), tuple(neck - aside * head / 2)], fill=ink)


@cache
def _bytes_of(name: str) -> bytes:
    if name in BUILT_IN:
        built_in: bytes = pymupdf.Font(name).buffer
        return built_in
    return (Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name).read_bytes()
