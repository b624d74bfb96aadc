"""Features of the training pictures, kept on disk: computed once, trained on many times."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from alignment.views import EXTRA_VIEWS, render, render_extra
from numpy.typing import NDArray
from PIL import Image

from medsift.encoders._efficientnet import EfficientNetTower

CHUNK = 64


def load_features(corpus: Path, manifest: pd.DataFrame, cache: Path) -> NDArray[np.float32]:
    """Features of every view of every picture, in the manifest's order: (pictures, 6 views, 1280).

    The first three views are those a product run averages, the other three only train.
    """
    tower = EfficientNetTower()

    def scored(image: Image.Image, _row: int) -> list[NDArray[np.uint8]]:
        return [render(image, view) for view in tower.views]

    def extra(image: Image.Image, row: int) -> list[NDArray[np.uint8]]:
        return [render_extra(image, name, seed=row) for name in EXTRA_VIEWS]

    files = [corpus / file for file in manifest["file"]]
    parts = [
        _cached(cache / f"{name}-{tower.digest[:12]}.npy", files, make, tower)
        for name, make in (("scored", scored), ("extra", extra))
    ]
    return np.concatenate(parts, axis=1)


def _cached(
    target: Path,
    files: list[Path],
    make: Callable[[Image.Image, int], list[NDArray[np.uint8]]],
    tower: EfficientNetTower,
) -> NDArray[np.float32]:
    if target.exists():
        stored: NDArray[np.float32] = np.load(target)
        if len(stored) == len(files):
            return stored
    target.parent.mkdir(parents=True, exist_ok=True)
    parts = []
    for start in range(0, len(files), CHUNK):
        views = [make(_open(file), start + row) for row, file in enumerate(files[start : start + CHUNK])]
        parts.append(tower.view_features(np.stack([np.stack(view) for view in views])))
        print(f"{target.stem}: {start + len(views)} of {len(files)} pictures", flush=True)
    features = np.concatenate(parts)
    np.save(target, features)
    return features


def _open(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return image.convert("RGB")
