"""What people's labels taught: logistic regression over the vectors of all encoders, kept as plain arrays.

It speaks of pictures like those that were labelled alone: what few labels of one look teach says nothing of others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
LEAST_OF_EACH = 20  # labels of each side; with fewer, directions of chance look like knowledge
INVERSE_PENALTY = 10.0  # vectors are of unit length, so their entries are small
MOST_ROUNDS = 1000
WEIGHTS, BIAS, LABELS = "weights.", "bias", "labels"
SPACE, KNOWN, REACH = "space", "known", "reach"
MOST_KNOWN = 4096  # labelled pictures that are kept to tell what is like them, some 2 MB
FARTHEST = 0.02  # share of the labelled pictures that may be less like those of other groups than `reach` says
SEED = 42


@dataclass(frozen=True)
class Learned:
    """`weights` (d,) by encoder name, one `bias`, and how many `labels` they were fitted on.

    `known` (m, d) are vectors of labelled pictures by encoder `space`, and `reach` is the cosine to one of them from
    which a picture is like them; sets of before know none, and speak of everything.
    """

    weights: Mapping[str, Floats]
    bias: float
    labels: int
    space: str = ""
    known: Floats | None = None
    reach: float = -1.0

    def log_odds(self, vectors: Mapping[str, Floats]) -> Doubles:
        """Log-odds of medical, (n,), from vectors (n, d) by encoder; `KeyError` where those of one are missing."""
        parts = [vectors[name].astype(np.float64) @ weights for name, weights in self.weights.items()]
        odds: Doubles = self.bias + np.sum(parts, axis=0)
        return odds

    def is_like_labelled(self, vectors: Mapping[str, Floats]) -> NDArray[np.bool_]:
        """Which pictures are like labelled ones: (n,), from vectors (n, d) by encoder."""
        if self.known is None:
            return np.ones(len(next(iter(vectors.values()))), bool)
        nearest: NDArray[np.float32] = (vectors[self.space] @ self.known.T).max(axis=1)
        return np.asarray(nearest >= self.reach, bool)


def fit_learned(
    vectors: Mapping[str, Floats], is_medical: NDArray[np.bool_], groups: NDArray[np.intp], space: str
) -> Learned:
    """Logistic regression, both sides weighing the same however many labels each has: vectors (n, d) by encoder.

    What is like labelled pictures is told in the vectors by encoder `space`: as like as these are those of other
    `groups` (n,).

    People label what they are asked for, so that the share of medical pictures among labels says nothing of that among
    pictures. Raises `ValueError` where all labels are of one side.
    """
    from sklearn.linear_model import LogisticRegression

    names = list(vectors)
    joined = np.concatenate([vectors[name] for name in names], axis=1).astype(np.float64)
    model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=MOST_ROUNDS)
    model.fit(joined, is_medical)
    ends = np.cumsum([vectors[name].shape[1] for name in names])
    parts = np.split(model.coef_[0].astype(np.float32), ends[:-1])
    weights = dict(zip(names, parts, strict=True))
    chosen = np.random.default_rng(SEED).permutation(len(is_medical))[:MOST_KNOWN]
    known = vectors[space][chosen]
    reach = _reach(known, groups[chosen])
    return Learned(weights, float(model.intercept_[0]), len(is_medical), space, known, reach)


def _reach(vectors: Floats, groups: NDArray[np.intp]) -> float:
    """The cosine that nearly all pictures (n, d) have to one of another group; -1 where there is but one group."""
    nearest = []
    for group in np.unique(groups):
        own = groups == group
        if not own.all():
            nearest.append((vectors[own] @ vectors[~own].T).max(axis=1))
    return float(np.quantile(np.concatenate(nearest), FARTHEST)) if nearest else -1.0


def write_learned(path: Path, learned: Learned) -> None:
    """Write it as a safetensors file."""
    from safetensors.numpy import save

    tensors = {WEIGHTS + name: np.ascontiguousarray(values, np.float32) for name, values in learned.weights.items()}
    tensors |= {BIAS: np.array([learned.bias], np.float64), LABELS: np.array([learned.labels], np.int64)}
    if learned.known is not None:
        tensors |= {KNOWN: np.ascontiguousarray(learned.known, np.float32), REACH: np.array([learned.reach])}
    path.write_bytes(save(tensors, {SPACE: learned.space}))


def read_learned(path: Path) -> Learned:
    """What `write_learned` wrote, from a file whose digest was verified."""
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        # An open file is no mapping, and cannot be iterated over by itself.
        about, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    weights = {name.removeprefix(WEIGHTS): values for name, values in tensors.items() if name.startswith(WEIGHTS)}
    bias, labels = float(tensors[BIAS][0]), int(tensors[LABELS][0])
    if KNOWN not in tensors:
        return Learned(weights, bias, labels)
    return Learned(weights, bias, labels, about[SPACE], tensors[KNOWN], float(tensors[REACH][0]))
