"""Who may be fitted on and who is judged: never the same source on both sides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
SEED = 42
BY_SOURCE = "What is fitted (clusters, weights, temperature) was fitted on other sources than those it is judged on."
BY_ROW = (
    "The manifest names fewer than two sources, so what is fitted was fitted on other pictures, perhaps of the same "
    "source: figures of a source never seen would be lower."
)


def cross_folds(identities: Sequence[str], sources: Sequence[str]) -> tuple[NDArray[np.intp], str]:
    """Of each row the fold in which it is judged, (n,), and a sentence that says by what rows were parted.

    Rows of one picture or of one source are never parted; a row without source is one of its own. With fewer than
    two sources rows are parted by picture.
    """
    from sklearn.model_selection import GroupKFold

    named = len(set(filter(None, sources))) > 1
    keys = [(f"picture {identity}", f"source {source}" if source and named else "")
            for identity, source in zip(identities, sources, strict=True)]  # fmt: skip
    groups = _joined(keys)
    if named and len(set(groups)) < 2:  # the same pictures in all sources
        groups, named = _joined([(picture, "") for picture, _ in keys]), False
    count = min(FOLDS, len(set(groups)))
    folds = np.zeros(len(groups), dtype=np.intp)
    if count > 1:
        splitter = GroupKFold(count, shuffle=True, random_state=SEED) if not named else GroupKFold(count)
        for fold, (_, judged) in enumerate(splitter.split(groups, groups=groups)):
            folds[judged] = fold
    return folds, BY_SOURCE if named else BY_ROW


def _joined(keys: Sequence[tuple[str, str]]) -> list[int]:
    """The group of each row: rows that share a key, straight or through others, are of one group."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for first, second in keys:
        parent[root(second or first)] = root(first)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(first), len(numbers)) for first, _ in keys]
