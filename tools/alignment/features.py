"""Features of the training pictures, kept on disk: computed once, trained on many times."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from alignment.views import EXTRA_VIEWS, Views, extra_views, scored_views
from numpy.typing import NDArray

from medsift.encoders import Tower

CHUNK = 64

Halves = NDArray[np.float16]


def load_features(tower: Tower, corpus: Path, manifest: pd.DataFrame, cache: Path, name: str) -> Halves:
    """Features of the scored and the extra views of every picture, in the manifest's order: (pictures, views, p).

    Kept as `name` in the cache. Files of the manifest are relative to `corpus`, or full paths.
    """
    files = {corpus / file: int(row) for row, file in manifest["file"].items()}
    kept = f"{len(files)}-{tower.digest[:12]}.npy"
    scored = _cached(cache / f"{name}-scored-{kept}", files, lambda file, _: scored_views(file, tower.views), tower)
    extra = _cached(cache / f"{name}-extra-{kept}", files, extra_views, tower)
    assert extra.shape[1] == len(EXTRA_VIEWS)
    return np.concatenate([scored, extra], axis=1)


def _cached(target: Path, files: dict[Path, int], views: Callable[[Path, int], Views], tower: Tower) -> Halves:
    """`views` is called with each file and its number."""
    if target.exists():
        stored: Halves = np.load(target)
        return stored
    target.parent.mkdir(parents=True, exist_ok=True)
    parts, numbered = [], list(files.items())
    for start in range(0, len(files), CHUNK):
        chunk = np.stack([views(file, number) for file, number in numbered[start : start + CHUNK]])
        parts.append(tower.view_features(chunk).astype(np.float16))
        print(f"{target.stem}: {start + len(chunk)} of {len(files)} pictures", flush=True)
    features = np.concatenate(parts)
    np.save(target, features)
    return features
