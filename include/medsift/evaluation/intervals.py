"""How far a figure could move with other sources: bootstrap over whole sources, as pictures of one are alike."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

ROUNDS = 1000
SEED = 0

Indices = NDArray[np.intp]


def source_interval(
    statistic: Callable[[Indices], float | None], sources: Sequence[str], rounds: int = ROUNDS
) -> tuple[float, float] | None:
    """The 95 % percentile interval of `statistic(indices of pictures)` over sources drawn with replacement.

    Rounds in which the statistic is undefined are left out; None with fewer than two sources, or if all are.
    """
    names, members = np.unique(np.asarray(sources, dtype=object).astype(str), return_inverse=True)
    if len(names) < 2:
        return None
    of_source = np.split(np.argsort(members, kind="stable"), np.cumsum(np.bincount(members))[:-1])
    generator = np.random.default_rng(SEED)
    draws = generator.integers(len(names), size=(rounds, len(names)))
    values = [value for draw in draws if (value := statistic(np.concatenate([of_source[i] for i in draw]))) is not None]
    if not values:
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
