"""Picture files drawn for benchmarks: as many as wanted, no two alike."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

COARSE = 8  # cells a side: what a perceptual hash sees, so that no two count as near duplicates
FINE = 24
QUALITY = 85


def draw_files(folder: Path, count: int, size: tuple[int, int], seed: int = 1) -> list[Path]:
    """`count` JPEGs of `size` (width, height): coarse blots under finer grain, the same for the same seed."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, pixels in enumerate(_drawn(count, size, seed)):
        path = folder / f"drawn-{number:06d}.jpg"
        pixels.save(path, quality=QUALITY)
        paths.append(path)
    return paths


def _drawn(count: int, size: tuple[int, int], seed: int) -> Iterator[Image.Image]:
    random = np.random.default_rng(seed)
    for _ in range(count):
        layers = [
            Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize(size)
            for cells in (COARSE, FINE)
        ]
        yield Image.blend(*layers, 0.3)
