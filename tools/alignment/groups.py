"""Pictures by kind and source, and how much each counts: the unit of the training is a source, not a picture."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


def side_of_kinds(rows: pd.DataFrame) -> tuple[list[str], Flags]:
    """All kinds, sorted, and whether each is medical."""
    sides = rows.groupby("kind")["label"].first().sort_index()
    return list(sides.index), (sides == "medical").to_numpy()


def weights_of(rows: pd.DataFrame) -> Floats:
    """Of each picture, summing to 1: both labels alike, a kind in a source by the square root of its size.

    Times what its row says that it counts.
    """
    sizes = rows.groupby(["label", "kind", "source"])["file"].transform("size").to_numpy()
    weight = rows["counts"].to_numpy() / np.sqrt(sizes)
    is_medical = (rows["label"] == "medical").to_numpy()
    for of_side in (is_medical, ~is_medical):
        weight[of_side] /= 2 * weight[of_side].sum()
    return weight.astype(np.float32)


@dataclass(frozen=True)
class Groups:
    """Each kind in each source: `names` (kind, source), and the number of each picture's group."""

    names: tuple[tuple[str, str], ...]
    of_picture: NDArray[np.intp]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Self:
        """The groups of these pictures."""
        pairs = list(zip(rows["kind"], rows["source"], strict=True))
        names = tuple(sorted(set(pairs)))
        numbers = {name: number for number, name in enumerate(names)}
        return cls(names, np.array([numbers[pair] for pair in pairs]))

    @property
    def kinds(self) -> NDArray[np.intp]:
        """The number of each group's kind, of all kinds sorted."""
        return np.unique([kind for kind, _ in self.names], return_inverse=True)[1]

    def totals(self, weights: Floats) -> Floats:
        """Weight of each group."""
        return np.bincount(self.of_picture, weights=weights).astype(np.float32)

    def means(self, values: Floats, weights: Floats) -> Floats:
        """Weighted mean of each group: (n, d) -> (groups, d)."""
        return _means(values, weights, self.of_picture)

    def kind_means(self, values: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Weighted mean and weight of each kind, sorted: (n, d) -> (kinds, d), (kinds,)."""
        kinds = self.kinds[self.of_picture]
        return _means(values, weights, kinds), np.bincount(kinds, weights=weights).astype(np.float32)


def _means(values: Floats, weights: Floats, groups: NDArray[np.intp]) -> Floats:
    shares = np.zeros((groups.max() + 1, len(groups)), np.float32)
    shares[groups, np.arange(len(groups))] = weights
    means: Floats = (shares @ values) / shares.sum(axis=1, keepdims=True)
    return means
