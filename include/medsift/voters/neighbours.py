"""The company a picture keeps where it lies: what the others say of it and of the pictures most like it, on average.

Pictures of one kind and source fail one by one, where a single look is doubtful; together they are seldom wrong.
Answers are smoothed over a graph of mutual nearest neighbours, as in label propagation (Zhou et al. 2004, "Learning
with Local and Global Consistency"; Boudiaf et al. 2022, "LAME", for piles unlike what a network was trained on).

It is not in the registry: it votes on the votes on many pictures, so it comes after all others.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Kinds, Vote
from medsift.modelsets.calibrating import NEIGHBOURS

MOST_ALIKE = 16  # pictures at most, of one place
MOST_COMPARED = 20_000  # pictures of a place that those asked for are compared with, so that the work grows with these
SLACK = 1e-6  # of a distance, for rounding
NOBODY = "none is like it in its folder or document"
UNJUDGED = "it has no vector, or no other voter could judge it"
NO_MEASURE = "the model set does not say which pictures are alike"

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.intp]
Pairs = NDArray[np.intp]  # (n, 2): a picture's row, and the row of one that is like it
VectorsOf = Callable[[Sequence[str]], Floats]
NO_PAIRS: Pairs = np.zeros((0, 2), np.intp)


@dataclass(frozen=True)
class Said:
    """What all other voters together say of pictures: calibrated `log_odds` of medical (n,), and kinds of both sides.

    NaN stands where nobody could judge.
    """

    sha256s: Sequence[str]
    log_odds: Doubles
    kinds: Sequence[Kinds]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Several lots as one; raises `ValueError` for no lot."""
        return cls(
            [sha256 for part in parts for sha256 in part.sha256s],
            np.concatenate([part.log_odds for part in parts]),
            [kinds for part in parts for kinds in part.kinds],
        )

    def __len__(self) -> int:
        return len(self.sha256s)


def alike(
    sha256s: Sequence[str], asked: Rows, vectors_of: VectorsOf, alike_from: float, most_compared: int = MOST_COMPARED
) -> Pairs:
    """Which pictures of one place each of those asked for is like: (n, 2) of numbers of `sha256s`.

    `sha256s` are in order and each once, `asked` (m,) numbers of some; `vectors_of` gives unit vectors (m, d). They are
    compared with the first `most_compared`, which are as good as drawn by lot: identities are digests.
    """
    crowd = _Crowd(vectors_of(sha256s[:most_compared]), alike_from)
    parts = [NO_PAIRS]
    for first in range(0, len(asked), most_compared):
        some = asked[first : first + most_compared]
        parts.append(crowd.like(vectors_of([sha256s[number] for number in some]), some))
    return np.concatenate(parts)


class _Crowd:
    """Pictures of one place that those there are compared with, by their vectors (n, d).

    Alike are two whose cosine is `alike_from` or more, each of them among the nearest of the other: a picture that
    many others lie around, as a hub of the space does, is not like all of them.
    """

    def __init__(self, vectors: Floats, alike_from: float) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._vectors = vectors
        self._farthest = np.sqrt(max(0.0, 2 - 2 * alike_from))  # of unit vectors with that cosine
        self._index = NearestNeighbors(algorithm="brute").fit(vectors)
        self._reach = np.full(len(vectors), np.nan)  # of a member, how far the last of its nearest is

    def like(self, vectors: Floats, numbers: Rows) -> Pairs:
        """Of pictures with vectors (m, d) which are like a member; a number below n is that member's own."""
        found = self._nearest(vectors, numbers)
        are_members = numbers < len(self._reach)
        self._reach[numbers[are_members]] = found.reach[are_members]
        self._measure(np.unique(found.members[found.are_others]))
        is_mutual = found.distances <= self._reach[found.members] + SLACK
        which, nearest = np.nonzero(found.are_others & is_mutual & (found.distances <= self._farthest))
        return np.column_stack([numbers[which], found.members[which, nearest]])

    def _measure(self, members: Rows) -> None:
        """The reach of members, where it is not known yet."""
        lacking = members[np.isnan(self._reach[members])]
        if len(lacking):
            self._reach[lacking] = self._nearest(self._vectors[lacking], lacking).reach

    def _nearest(self, vectors: Floats, numbers: Rows) -> "_Nearest":
        distances, members = self._index.kneighbors(vectors, min(MOST_ALIKE + 1, len(self._reach)))
        are_others = members != numbers[:, None]
        # Who is not among its own nearest, as no member or for many that are the same, has one too many of others.
        are_others[are_others.all(axis=1), MOST_ALIKE:] = False
        return _Nearest(members, distances, are_others)


@dataclass(frozen=True)
class _Nearest:
    """Numbers of the nearest members of a crowd, how far they are, and which are other pictures: (m, k) each."""

    members: Rows
    distances: Doubles
    are_others: NDArray[np.bool_]

    @property
    def reach(self) -> Doubles:
        """How far the last of the others is, 0 where there is none: (m,)."""
        reach: Doubles = np.where(self.are_others, self.distances, 0.0).max(axis=1, initial=0.0)
        return reach


class Company:
    """Pictures with what is said of them, and which are alike: (n, 2) of rows of `said`, a pair once or more often."""

    def __init__(self, said: Said, pairs: Pairs) -> None:
        from scipy.sparse import csr_array

        self._said = said
        self._row_of = {sha256: row for row, sha256 in enumerate(said.sha256s)}
        heard = pairs[~np.isnan(said.log_odds[pairs[:, 1]])]
        size = len(said.sha256s)
        self._alike = csr_array((np.ones(len(heard), bool), (heard[:, 0], heard[:, 1])), shape=(size, size))
        self._alike.sum_duplicates()

    def votes(self, sha256s: Sequence[str]) -> list[Vote]:
        """One vote on each of these pictures, of itself and those alike; an abstention where none is."""
        return [self._vote(sha256) for sha256 in sha256s]

    def _vote(self, sha256: str) -> Vote:
        row = self._row_of[sha256]
        own = float(self._said.log_odds[row])
        others = self._alike.indices[self._alike.indptr[row] : self._alike.indptr[row + 1]]
        if np.isnan(own) or not len(others):
            return Vote(sha256, NEIGHBOURS, None, reason=UNJUDGED if np.isnan(own) else NOBODY)
        of_others = self._said.log_odds[others]
        mean = (own + float(of_others.sum())) / (1 + len(others))
        members = [(own, self._said.kinds[row])]
        members += [(float(odds), self._said.kinds[other]) for odds, other in zip(of_others, others, strict=True)]
        medical, other = _commonest(members, 0), _commonest(members, 1)
        is_medical, look_medical = mean >= 0, int((of_others >= 0).sum())
        return Vote(
            sha256,
            NEIGHBOURS,
            float(1 / (1 + np.exp(-mean))),
            medical if is_medical else other,
            reason=f"alike in its folder or document: {len(others)}, of which {look_medical} look medical",
            kind_otherwise=other if is_medical else medical,
        )


def _commonest(members: Sequence[tuple[float, Kinds]], side: int) -> str | None:
    """The commonest kind among those on that side (0: medical), the first picture's where none is."""
    named = [kinds[side] for log_odds, kinds in members if (log_odds >= 0) == (side == 0)]
    counted = Counter(kind for kind in named if kind is not None)
    return counted.most_common(1)[0][0] if counted else members[0][1][side]
