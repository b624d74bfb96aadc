"""Features of the training pictures, kept on disk: computed once, trained on many times."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from alignment.views import EXTRA_VIEWS, Views, extra_views, scored_views
from numpy.typing import NDArray

from medsift.encoders import Tower
from medsift.encoders._efficientnet import efficientnet_tower
from medsift.encoders.engines import REFERENCE
from medsift.settings import Settings

CHUNK = 64


def load_features(corpus: Path, manifest: pd.DataFrame, cache: Path) -> tuple[NDArray[np.float32], int]:
    """Features of every view of every picture, in the manifest's order: (pictures, views, 1280).

    The second value is how many views, from the first, are those that a product run averages.
    """
    tower = efficientnet_tower(Settings(engine=REFERENCE))
    files = [corpus / file for file in manifest["file"]]
    scored = _cached(
        cache / f"scored-{tower.digest[:12]}.npy", files, lambda file, _: scored_views(file, tower.views), tower
    )
    extra = _cached(cache / f"extra-{tower.digest[:12]}.npy", files, extra_views, tower)
    assert extra.shape[1] == len(EXTRA_VIEWS)
    return np.concatenate([scored, extra], axis=1), len(tower.views)


def _cached(target: Path, files: list[Path], views: Callable[[Path, int], Views], tower: Tower) -> NDArray[np.float32]:
    if target.exists():
        stored: NDArray[np.float32] = np.load(target)
        if len(stored) == len(files):
            return stored
    target.parent.mkdir(parents=True, exist_ok=True)
    parts = []
    for start in range(0, len(files), CHUNK):
        chunk = np.stack([views(file, start + row) for row, file in enumerate(files[start : start + CHUNK])])
        parts.append(tower.view_features(chunk))
        print(f"{target.stem}: {start + len(chunk)} of {len(files)} pictures", flush=True)
    features = np.concatenate(parts)
    np.save(target, features)
    return features
