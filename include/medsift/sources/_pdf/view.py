"""The page as rendered, once and small: the arbiter of what its pictures look like."""

from typing import TYPE_CHECKING

from medsift.sources._pdf import Mu
from medsift.sources._pdf.geometry import Box
from medsift.sources._pdf.pixels import render_size, rendered, rendered_if_whole, scaled

if TYPE_CHECKING:
    from medsift.sources._pdf.pixels import Pixels

PAGE_VIEW_SIDE = 1100
MAX_GLANCES = 8


class PageView:
    """The page as rendered, made at the first question and small.

    `can_be_drawn`: no picture on it is too large for that.
    """

    def __init__(self, display_list: Mu, box: Box, *, can_be_drawn: bool = True) -> None:
        self.display_list = display_list
        self.box = box
        self.scale = min(3.0, PAGE_VIEW_SIDE / max(box[2] - box[0], box[3] - box[1], 1.0))
        self.can_be_drawn = can_be_drawn
        self._pixels: Pixels | None = None
        self._is_whole = can_be_drawn
        self._glances = 0

    def is_whole(self) -> bool:
        """Whether everything on the page can be drawn: otherwise it is no arbiter."""
        if self._is_whole:
            self.pixels()
        return self._is_whole

    def pixels(self) -> "Pixels":
        """The whole page."""
        if self._pixels is None:
            width, height = render_size(self.box, self.scale, self.scale)
            self._pixels, is_whole = rendered_if_whole(self.display_list, self.box, width, height)
            self._is_whole = self._is_whole and is_whole
        return self._pixels

    def cut(self, box: Box) -> "tuple[Pixels, Box]":
        """The part that shows `box`, and the box of exactly those pixels."""
        pixels = self.pixels()
        height, width = pixels.shape[:2]
        across, down = width / (self.box[2] - self.box[0]), height / (self.box[3] - self.box[1])
        x0, y0 = max(0, int((box[0] - self.box[0]) * across)), max(0, int((box[1] - self.box[1]) * down))
        x1 = min(width, max(x0 + 1, round((box[2] - self.box[0]) * across)))
        y1 = min(height, max(y0 + 1, round((box[3] - self.box[1]) * down)))
        exact = (self.box[0] + x0 / across, self.box[1] + y0 / down)
        return pixels[y0:y1, x0:x1], (*exact, self.box[0] + x1 / across, self.box[1] + y1 / down)

    def glance(self, box: Box, most: int) -> "Pixels":
        """The part that shows `box`, of so many pixels a side at most: the first few cost no whole page."""
        self._glances += 1
        if self._pixels is None and self._glances <= MAX_GLANCES:
            width, height = render_size(box, self.scale, self.scale)
            return rendered(self.display_list, box, min(most, width), min(most, height))
        pixels, _ = self.cut(box)
        return scaled(pixels, min(most, pixels.shape[1]), min(most, pixels.shape[0]))

    def seam_looks_whole(self, seam: Box, is_level: bool) -> bool:
        """Whether what the page shows goes on across a line between two pictures."""
        import numpy as np

        if not self.is_whole():
            return False
        across = seam if is_level else (seam[1], seam[0], seam[3], seam[2])
        pixels = self.pixels() if is_level else self.pixels().transpose(1, 0, 2)
        offset = self.box if is_level else (self.box[1], self.box[0], self.box[3], self.box[2])
        row = round((across[1] - offset[1]) * self.scale)
        start, end = round((across[0] - offset[0]) * self.scale), round((across[2] - offset[0]) * self.scale)
        rows = pixels[max(0, row - 6) : row + 6, max(0, start) : end].astype(np.float32).mean(axis=2)
        if rows.shape[0] < 12 or rows.shape[1] < 8:
            return False
        steps = np.abs(np.diff(rows, axis=0)).mean(axis=1)
        elsewhere = float(np.median(np.r_[steps[:4], steps[-4:]]))
        is_lively = min(float(rows[3].std()), float(rows[-4].std())) > 6.0
        return is_lively and float(steps[4:-4].max()) <= 1.8 * elsewhere + 2.0
