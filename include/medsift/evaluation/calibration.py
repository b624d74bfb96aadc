"""Whether a confidence means what it says: bins of equal mass, and the expected calibration error over them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Bin:
    """A bin of the reliability table: pictures in it, their mean confidence and the share that is right."""

    n: int
    confidence: float
    accuracy: float


def reliability(confidences: Floats, is_right: Flags, bins: int = BINS) -> list[Bin]:
    """The reliability table: at most `bins` bins of (nearly) equal mass, by rising confidence; empty for no picture.

    Equal confidences share a bin, so that the table does not depend on the order of the pictures
    (equal-mass bins: Nguyen and O'Connor, 2015, arXiv 1508.05154).
    """
    members = _equal_mass(confidences, bins)
    sizes = np.bincount(members, minlength=bins)
    confidence = np.bincount(members, weights=confidences, minlength=bins) / np.maximum(sizes, 1)
    accuracy = np.bincount(members, weights=is_right, minlength=bins) / np.maximum(sizes, 1)
    return [Bin(int(sizes[i]), float(confidence[i]), float(accuracy[i])) for i in np.flatnonzero(sizes)]


def calibration_error(confidences: Floats, is_right: Flags, bins: int = BINS) -> float | None:
    """ECE (Guo et al., 2017, arXiv 1706.04599) over bins of equal mass, in 0 to 1; None for no picture."""
    if not len(confidences):
        return None
    table = reliability(confidences, is_right, bins)
    return sum(row.n * abs(row.confidence - row.accuracy) for row in table) / len(confidences)


def _equal_mass(values: Floats, bins: int) -> NDArray[np.intp]:
    """The bin of each value, by the middle of the ranks that equal values share."""
    if not len(values):
        return np.zeros(0, dtype=np.intp)
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - (counts + 1) / 2
    return (middles[group] * bins // len(values)).astype(np.intp)
