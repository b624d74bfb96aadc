"""White margins are page, not picture: models judge what lies between them. Runs in the sandbox child only."""

import numpy as np
from PIL import Image

WHITEST = 235  # of 255: every corner must be as bright in each channel
TOLERANCE = 16  # levels by which compression and scanning make white differ
SPECKS = 0.004  # share of a line that may differ from white and still be margin
SMALLEST_PART = 0.1  # of each side: what is less is a speck on a page rather than a picture with margins
SHARP_ENOUGH = 512  # pixels of the longer side in which margins are looked for


def without_margins(image: Image.Image) -> Image.Image:
    """The RGB picture less the white lines at its four edges; as it is where there are none, or hardly anything else.

    Black grounds stay: where a body ends is part of what a scan looks like.
    """
    right, bottom = image.width - 1, image.height - 1
    corners = np.array([image.getpixel(at) for at in ((0, 0), (right, 0), (0, bottom), (right, bottom))])
    if corners.min() < WHITEST or np.ptp(corners, axis=0).max() > TOLERANCE:
        return image
    factor = max(1, max(image.size) // SHARP_ENOUGH)
    small = np.asarray(image.reduce(factor) if factor > 1 else image, np.int16)
    differs = np.abs(small - np.median(corners, axis=0).astype(np.int16)).max(axis=2) > TOLERANCE
    (top, bottom), (left, right) = (_span(differs, axis) for axis in (1, 0))
    if min((bottom - top) / small.shape[0], (right - left) / small.shape[1]) < SMALLEST_PART:
        return image
    box = (left * factor, top * factor, min(right * factor, image.width), min(bottom * factor, image.height))
    return image if box == (0, 0, *image.size) else image.crop(box)


def _span(differs: np.ndarray, axis: int) -> tuple[int, int]:
    """From the first to behind the last line that is no margin; (0, 0) where all are."""
    lines = np.flatnonzero(differs.mean(axis=axis) > SPECKS)
    return (int(lines[0]), int(lines[-1]) + 1) if lines.size else (0, 0)
