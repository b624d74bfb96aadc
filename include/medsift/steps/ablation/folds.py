"""Who may be fitted on and who is judged: never the same source on both sides."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
SEED = 42
NOTHING_SHARED: Mapping[str, Sequence[str]] = {}
BY_SOURCE = "What is fitted (clusters, weights, temperature) was fitted on other sources than those it is judged on."
BY_ROW = (
    "The manifest names fewer than two sources, so what is fitted was fitted on other pictures, perhaps of the same "
    "source: figures of a source never seen would be lower."
)


def cross_folds(
    identities: Sequence[str], sources: Sequence[str], alike: Mapping[str, Sequence[str]] = NOTHING_SHARED
) -> tuple[NDArray[np.intp], str]:
    """Of each row the fold in which it is judged, (n,), and a sentence that says by what rows were parted.

    Rows of one picture or of one source are never parted, nor pictures that share something by `alike` (a study, a
    near duplicate); a row without source is one of its own. With fewer than two sources rows are parted by picture.
    """
    from sklearn.model_selection import GroupKFold

    named = len(set(filter(None, sources))) > 1
    shared = [(f"picture {identity}", *(f"alike {key}" for key in alike.get(identity, ()))) for identity in identities]
    keys = [(*own, f"source {source}" if source and named else own[0])
            for own, source in zip(shared, sources, strict=True)]  # fmt: skip
    groups = _joined(keys)
    if named and len(set(groups)) < 2:  # the same pictures in all sources
        groups, named = _joined(shared), False
    count = min(FOLDS, len(set(groups)))
    folds = np.zeros(len(groups), dtype=np.intp)
    if count > 1:
        splitter = GroupKFold(count, shuffle=True, random_state=SEED) if not named else GroupKFold(count)
        for fold, (_, judged) in enumerate(splitter.split(groups, groups=groups)):
            folds[judged] = fold
    return folds, BY_SOURCE if named else BY_ROW


def _joined(keys: Sequence[Sequence[str]]) -> list[int]:
    """The group of each row: rows that share a key, straight or through others, are of one group."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for first, *others in keys:
        for other in others:
            parent[root(other)] = root(first)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(first), len(numbers)) for first, *_ in keys]
