"""Child processes for a whole file of tests, and pictures on disk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.pictures.workers import Workers
from medsift.sandbox import Limits

Saved = Callable[..., Path]


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(2, Limits(timeout_s=20, memory_mb=2048)) as both:
        yield both


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Saves a picture (noise unless given) under a name and says where."""

    def save(
        name: str, image: Image.Image | None = None, size: tuple[int, int] = (320, 240), **options: object
    ) -> Path:
        if image is None:
            seed = sum(name.encode())
            pixels = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8)
            image = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return save
