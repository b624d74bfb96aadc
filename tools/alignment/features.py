"""Features of the training pictures, kept on disk: computed once, trained on many times."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from alignment import panels, views
from alignment.views import Views
from numpy.typing import NDArray

from medsift.encoders import Tower

CHUNK = 64

Halves = NDArray[np.float16]


def load_features(tower: Tower, corpus: Path, manifest: pd.DataFrame, cache: Path, name: str) -> Halves:
    """Features of the scored views of every picture, the extra ones, and of it as a panel: (pictures, views, p).

    In the manifest's order.

    Kept as `name` in the cache. Files of the manifest are relative to `corpus`, or full paths.
    """
    files = {corpus / file: int(row) for row, file in manifest["file"].items()}
    kept = f"{len(files)}-{tower.digest[:12]}"
    spoils = _code_of(views)
    scored = _cached(
        cache / f"{name}-scored-{kept}.npy", files, lambda file, _: views.scored_views(file, tower.views), tower
    )
    extra = _cached(cache / f"{name}-extra-{kept}-{spoils}.npy", files, views.extra_views, tower)
    assert extra.shape[1] == len(views.EXTRA_VIEWS)
    mates = _mates(corpus, manifest)
    in_panels = _cached(
        cache / f"{name}-panels-{kept}-{_code_of(panels)}.npy",
        files,
        lambda file, number: panels.panel_views(file, mates[file], number),
        tower,
    )
    return np.concatenate([scored, extra, in_panels], axis=1)


def _code_of(module: ModuleType) -> str:
    return hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest()[:12]


def _mates(corpus: Path, manifest: pd.DataFrame) -> dict[Path, list[Path]]:
    """Of every file those of its kind and source."""
    of_group: dict[tuple[str, str], list[Path]] = defaultdict(list)
    rows = [(corpus / row.file, (row.kind, row.source)) for row in manifest.itertuples()]
    for file, group in rows:
        of_group[group].append(file)
    return {file: of_group[group] for file, group in rows}


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
