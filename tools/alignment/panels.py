"""A training picture among others of its kind and source: the panels of one figure, as papers have them."""

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from alignment.drawn.lettering import font_of
from alignment.views import Draw, Views, opened, squashed
from PIL import Image, ImageDraw, ImageOps

from medsift.pictures.margins import without_margins

LAYOUTS = ((1, 2), (2, 1), (2, 2), (2, 2), (1, 3), (2, 3), (3, 3))  # rows and columns
WIDTH = 240  # of a panel, in pixels
GAPS = (0, 2, 6, 14)  # pixels between panels
INKS = ("white", "black", "yellow")
BICUBIC = Image.Resampling.BICUBIC


def panel_views(file: Path, mates: Sequence[Path], seed: int) -> Views:
    """One view, of the picture and some of its mates side by side: the same seed gives the same."""
    draw = np.random.default_rng([seed, 13])
    rows, columns = LAYOUTS[draw.integers(len(LAYOUTS))]
    others = [mates[number] for number in draw.permutation(len(mates)) if mates[number] != file]
    panels = [opened(path) for path in islice(cycle([file, *others]), rows * columns)]
    return squashed(without_margins(_sheet(panels, columns, draw)))[None]


def _sheet(panels: Sequence[Image.Image], columns: int, draw: Draw) -> Image.Image:
    """All as large as the first, cut or with ground round them, most with a letter each."""
    first = panels[0]
    size = WIDTH, int(WIDTH * np.clip(first.height / first.width, 0.5, 2))
    gap, ground = int(draw.choice(GAPS)), "white" if draw.random() < 0.8 else "black"
    rows = len(panels) // columns
    sheet = Image.new("RGB", (columns * (size[0] + gap) - gap, rows * (size[1] + gap) - gap), ground)
    is_cut, has_letters = draw.random() < 0.6, draw.random() < 0.7
    font, ink = font_of(draw, int(draw.integers(12, 26))), INKS[draw.integers(len(INKS))]
    start, inset = "aA"[draw.integers(2)], int(draw.integers(3, 10))
    pen = ImageDraw.Draw(sheet)
    for number, panel in enumerate(panels):
        left, top = (number % columns) * (size[0] + gap), (number // columns) * (size[1] + gap)
        fitted = ImageOps.fit(panel, size, BICUBIC) if is_cut else ImageOps.pad(panel, size, BICUBIC, ground)
        sheet.paste(fitted, (left, top))
        if has_letters:
            pen.text((left + inset, top + inset), chr(ord(start) + number), fill=ink, font=font)
    return sheet
