"""The company a picture keeps in its run: what the others say of it and of the pictures most like it, on average.

Pictures of one kind and source fail one by one, where a single look is doubtful; together they are seldom wrong.
Answers are smoothed over a graph of mutual nearest neighbours, as in label propagation (Zhou et al. 2004, "Learning
with Local and Global Consistency"; Boudiaf et al. 2022, "LAME", for piles unlike what a network was trained on).

It is not in the registry: it votes on the votes of a whole run, so it comes after all others.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Kinds, Vote
from medsift.modelsets.calibrating import NEIGHBOURS

MOST_ALIKE = 12  # pictures at most
MOST_COMPARED = 20_000  # pictures that others are compared with, so that the work grows with the run and not its square
LEADING = 8  # hex digits of an identity, which are as good as drawn by lot
SLACK = 1e-6  # of a distance, for rounding
NOBODY = "none is like it in this run"
NO_MEASURE = "the model set does not say which pictures are alike"

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Said:
    """What all other voters together say of pictures: calibrated `log_odds` of medical (n,), and kinds of both sides.

    `vectors` (n, d) are of unit length, in the space of words.
    """

    sha256s: Sequence[str]
    vectors: Floats
    log_odds: Doubles
    kinds: Sequence[Kinds]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Several lots as one; raises `ValueError` for no lot."""
        return cls(
            [sha256 for part in parts for sha256 in part.sha256s],
            np.concatenate([part.vectors for part in parts]),
            np.concatenate([part.log_odds for part in parts]),
            [kinds for part in parts for kinds in part.kinds],
        )


@dataclass(frozen=True)
class Nearest:
    """Rows of the nearest known pictures, how far they are, and which of them are other pictures: (n, k) each."""

    rows: Rows
    distances: Doubles
    are_others: Flags

    def of(self, chosen: Rows) -> "Nearest":
        """Those of some pictures."""
        return Nearest(self.rows[chosen], self.distances[chosen], self.are_others[chosen])


def compared(sha256s: Sequence[str], total: int, most: int = MOST_COMPARED) -> list[str]:
    """Those of a run's pictures that others are compared with: about `most` of `total`, the same however it is cut."""
    end = most / max(total, 1) * 16**LEADING
    return [sha256 for sha256 in sha256s if int(sha256[:LEADING], 16) < end]


class Company:
    """The pictures that those of a run are compared with; alike are two whose cosine is `alike_from` or more."""

    def __init__(self, known: Said, alike_from: float) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._known = known
        self._row_of = {sha256: row for row, sha256 in enumerate(known.sha256s)}
        self._farthest = np.sqrt(max(0.0, 2 - 2 * alike_from))  # of unit vectors with that cosine
        self._index = NearestNeighbors(algorithm="brute").fit(known.vectors)
        self._found = self._search(known.vectors, np.arange(len(known.sha256s)))
        self._reach = self._found.distances.max(axis=1, initial=0.0)

    def votes(self, said: Said) -> list[Vote]:
        """One vote a picture, of itself and those alike; an abstention where none is."""
        if not len(said.sha256s):
            return []
        own = np.array([self._row_of.get(sha256, -1) for sha256 in said.sha256s])
        found = self._found.of(own) if (own >= 0).all() else self._search(said.vectors, own)
        # Mutual: a picture that many others lie around, as a hub of the space does, is not like all of them.
        is_mutual = found.distances <= self._reach[found.rows] + SLACK
        alike = found.are_others & is_mutual & (found.distances <= self._farthest)
        return [
            self._vote(sha256, float(said.log_odds[row]), said.kinds[row], found.rows[row][alike[row]])
            for row, sha256 in enumerate(said.sha256s)
        ]

    def _search(self, vectors: Floats, own: Rows) -> Nearest:
        """Of vectors (n, d) of the known pictures `own` (n,), -1 where they are not known."""
        count = min(MOST_ALIKE + 1, len(self._known.sha256s))
        distances, rows = self._index.kneighbors(vectors, count)
        are_others = rows != own[:, None]
        are_others[are_others.all(axis=1), MOST_ALIKE:] = False
        return Nearest(rows, np.where(are_others, distances, 0.0), are_others)

    def _vote(self, sha256: str, log_odds: float, kinds: Kinds, alike: Rows) -> Vote:
        if not len(alike):
            return Vote(sha256, NEIGHBOURS, None, reason=NOBODY)
        of_others = self._known.log_odds[alike]
        mean = (log_odds + float(of_others.sum())) / (1 + len(alike))
        members = [(log_odds, kinds), *((float(self._known.log_odds[row]), self._known.kinds[row]) for row in alike)]
        medical, other = _commonest(members, 0), _commonest(members, 1)
        is_medical = mean >= 0
        return Vote(
            sha256,
            NEIGHBOURS,
            float(1 / (1 + np.exp(-mean))),
            medical if is_medical else other,
            reason=f"like it in this run: {len(alike)}, of which {int((of_others >= 0).sum())} look medical",
            kind_otherwise=other if is_medical else medical,
        )


def _commonest(members: Sequence[tuple[float, Kinds]], side: int) -> str | None:
    """The commonest kind among those on that side (0: medical), the first picture's where none is."""
    named = [kinds[side] for log_odds, kinds in members if (log_odds >= 0) == (side == 0)]
    counted = Counter(kind for kind in named if kind is not None)
    return counted.most_common(1)[0][0] if counted else members[0][1][side]
