"""Whether something on the page hides a part of a picture, as a bar over a name does: then only the page may be shown.

Letters and arrows set over a picture add to it. What covers takes away: there the page is flat where the picture by
itself is not.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medsift.sources._pdf.geometry import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medsift.sources._pdf.pixels import Pixels

    Cells = NDArray[np.bool_]

FINEST = 192  # cells a side at most, in which page and picture are compared
COARSEST = 12  # smaller pictures show no words that could be hidden
FLAT, LIVELY = 6, 48  # of 255: what brightness differs by from a cell to its neighbours
LEAST_HIDDEN = 12  # cells: two or three letters on a page


def reduced(pixels: "Pixels", width: int = FINEST, height: int = FINEST) -> "NDArray[np.uint8]":
    """Brightness in so many cells at most, each the mean of what lies in it: (height, width)."""
    import numpy as np
    from PIL import Image

    size = min(width, pixels.shape[1]), min(height, pixels.shape[0])
    return np.asarray(Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.BOX))


def hidden(shown: "Pixels", own: "Pixels") -> "Cells":
    """Cells of the page (`shown`) in which the picture by itself (`own`, in any size) has more to see."""
    import numpy as np

    height, width = (min(FINEST, *sides) for sides in zip(shown.shape[:2], own.shape[:2], strict=True))
    if min(height, width) < COARSEST:
        return np.zeros((height, width), bool)
    page, picture = reduced(shown, width, height), reduced(own, width, height)
    cells: Cells = (_range(page) <= FLAT) & (_range(picture) >= LIVELY)
    return cells


def covers(cells: "Cells") -> bool:
    """Whether so many hidden cells are more than chance."""
    return int(cells.sum()) >= LEAST_HIDDEN


def but_for(cells: "Cells", box: Box, others: Sequence[Box]) -> "Cells":
    """The hidden cells of a picture at `box` that no words or pictures at `others` account for.

    The panel of a text over a photograph hides all around the letters; a bar over a name has nothing on it.
    """
    import numpy as np

    height, width = cells.shape
    across, down = width / (box[2] - box[0]), height / (box[3] - box[1])
    reached = np.zeros_like(cells)
    for x0, y0, x1, y1 in others:
        rows = slice(max(0, int((y0 - box[1]) * down)), max(0, round((y1 - box[1]) * down)))
        columns = slice(max(0, int((x0 - box[0]) * across)), max(0, round((x1 - box[0]) * across)))
        reached[rows, columns] = True
    near = _grown(cells) | reached
    count = 0
    while reached.sum() > count:
        count = reached.sum()
        reached = _grown(reached) & near
    return cells & ~reached


def _range(cells: "NDArray[np.uint8]") -> "NDArray[np.int16]":
    """Of each cell and its eight neighbours the brightest less the darkest; the edge counts as its neighbour."""
    import numpy as np

    parts = _with_neighbours(np.pad(cells, 1, mode="edge").astype(np.int16))
    return np.asarray(np.maximum.reduce(parts) - np.minimum.reduce(parts), np.int16)


def _grown(cells: "Cells") -> "Cells":
    """These cells and their neighbours."""
    import numpy as np

    grown: Cells = np.logical_or.reduce(_with_neighbours(np.pad(cells, 1)))
    return grown


def _with_neighbours(padded: "NDArray[Any]") -> "list[NDArray[Any]]":
    """Nine views, of every cell and of those around it, of cells with one more on each side."""
    height, width = padded.shape[0] - 2, padded.shape[1] - 2
    return [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
