"""Arrays that encoders and engines pass to each other."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # RGB, channels last
Floats = NDArray[np.float32]


def unit_rows(vectors: NDArray[np.floating]) -> Floats:
    """Rows scaled to length one (a row of zeros stays): float32 (n, d)."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = (vectors / np.maximum(length, np.finfo(np.float32).tiny)).astype(np.float32)
    return scaled
