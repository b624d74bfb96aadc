from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from medsift.settings import Settings

SIZE = 224


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> Settings:
    return Settings(volume=tmp_path_factory.mktemp("volume"), device="cpu", engine="torch_fp32", batch_size=4)


@pytest.fixture(scope="session")
def drawn() -> dict[str, np.ndarray]:
    """A few pictures drawn here, uint8 (224, 224, 3)."""
    return {"plot": _plot(), "text": _text(), "noise": _noise()}


def _plot() -> np.ndarray:
    image = Image.new("RGB", (SIZE, SIZE), "white")
    draw = ImageDraw.Draw(image)
    draw.line([(30, 10), (30, 200), (215, 200)], fill="black", width=2)
    for tick in range(40, 215, 25):
        draw.line([(tick, 200), (tick, 205)], fill="black")
        draw.line([(25, tick - 20), (30, tick - 20)], fill="black")
    for colour, slope in (("blue", 0.8), ("red", 0.5), ("green", 0.25)):
        points = [(x, 195 - slope * (x - 30) - 12 * np.sin(x / 15)) for x in range(30, 212, 3)]
        draw.line(points, fill=colour, width=2)
    draw.rectangle((150, 150, 205, 190), outline="black")
    return np.asarray(image)


def _text() -> np.ndarray:
    image = Image.new("RGB", (SIZE, SIZE), "white")
    draw = ImageDraw.Draw(image)
    for line in range(14):
        draw.text((8, 4 + 15 * line), "the quick brown fox jumps over a lazy dog", fill="black")
    return np.asarray(image)


def _noise() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def corpus() -> Path:
    return Path(__file__).parents[2].parent / "shared" / "corpus"
