"""Features of the training pictures, kept on disk: computed once, trained on many times."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from alignment import views
from alignment.views import Views
from numpy.typing import NDArray

from medsift.encoders import Tower

CHUNK = 64

Halves = NDArray[np.float16]


def load_features(tower: Tower, corpus: Path, manifest: pd.DataFrame, cache: Path, name: str) -> Halves:
    """Features of the scored and the extra views of every picture, in the manifest's order: (pictures, views, p).

    Kept as `name` in the cache. Files of the manifest are relative to `corpus`, or full paths.
    """
    files = {corpus / file: int(row) for row, file in manifest["file"].items()}
    kept = f"{len(files)}-{tower.digest[:12]}"
    spoils = hashlib.sha256(Path(views.__file__).read_bytes()).hexdigest()[:12]
    scored = _cached(
        cache / f"{name}-scored-{kept}.npy", files, lambda file, _: views.scored_views(file, tower.views), tower
    )
    extra = _cached(cache / f"{name}-extra-{kept}-{spoils}.npy", files, views.extra_views, tower)
    assert extra.shape[1] == len(views.EXTRA_VIEWS)
    return np.concatenate([scored, extra], axis=1)


def _cached(target: Path, files: dict[Path, int], render: Callable[[Path, int], Views], tower: Tower) -> Halves:
    """`render` is called with each file and its number."""
    if target.exists():
        stored: Halves = np.load(target)
        return stored
    target.parent.mkdir(parents=True, exist_ok=True)
    parts, numbered = [], list(files.items())
    for start in range(0, len(files), CHUNK):
        chunk = np.stack([render(file, number) for file, number in numbered[start : start + CHUNK]])
        parts.append(tower.view_features(chunk).astype(np.float16))
        print(f"{target.stem}: {start + len(chunk)} of {len(files)} pictures", flush=True)
    features = np.concatenate(parts)
    np.save(target, features)
    return features
