"""Which parts of a picture speak for its verdict: covered one by one (Zeiler and Fergus 2014). In the sandbox only."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medsift.pictures.decode import normalised, open_picture
from medsift.pictures.enhance import enhanced
from medsift.pictures.margins import without_margins
from medsift.pictures.views import seen_as

COVER = 2  # a window's side in cells: neighbours overlap, so that no edge falls between two
SHARPEST = 640  # longest side in pixels of what is covered and of the map
STRONGEST = 0.7  # share of the colour where the map is strongest
FOR, AGAINST = (214, 39, 40), (31, 119, 180)


def covered_views(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Views of the picture with nothing covered, then of each of `cells` x `cells` windows, row by row.

    A window takes the picture's mean colour. `arguments`: path, max_pixels, cells, views (those of `pictures.views`).
    """
    image, wanted, cells = _reduced(arguments), arguments["views"], arguments["cells"]
    ways = {way for view in wanted for way in view.get("enhance", ())}
    image = enhanced(image, ways) if ways else image
    mean = tuple(int(value) for value in np.asarray(image).mean((0, 1)))
    yield {}, seen_as(image, wanted)
    for row in range(cells):
        for column in range(cells):
            covered = image.copy()
            covered.paste(mean, _window(image.size, cells, row, column))
            yield {}, seen_as(covered, wanted)


def heat_map(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """One PNG: the picture in grey, red where `heat` (rows of numbers) is above 0, blue where it is below.

    `arguments`: path, max_pixels, heat.
    """
    image = _reduced(arguments)
    heat = np.asarray(arguments["heat"], np.float32)
    strongest = np.abs(heat).max() or 1.0
    field = np.asarray(Image.fromarray(heat / strongest).resize(image.size, Image.Resampling.BICUBIC))
    grey = np.asarray(image.convert("L").convert("RGB"), np.float32)
    colour = np.where(field[..., None] > 0, FOR, AGAINST)
    share = STRONGEST * np.clip(np.abs(field), 0, 1)[..., None]
    buffer = io.BytesIO()
    Image.fromarray((grey * (1 - share) + colour * share).astype(np.uint8)).save(buffer, "PNG")
    yield {}, buffer.getvalue()


def _reduced(arguments: dict[str, Any]) -> Image.Image:
    image = open_picture(Path(arguments["path"]).read_bytes(), arguments["max_pixels"])
    colour = without_margins(normalised(image).convert("RGB"))
    colour.thumbnail((SHARPEST, SHARPEST))
    return colour


def _window(size: tuple[int, int], cells: int, row: int, column: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the window round the middle of a cell."""
    (left, right), (top, bottom) = (
        (round(side * (at + 0.5 - COVER / 2) / cells), round(side * (at + 0.5 + COVER / 2) / cells))
        for side, at in zip(size, (column, row), strict=True)
    )
    return max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
