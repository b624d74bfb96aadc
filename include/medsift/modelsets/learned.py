"""What people's labels taught: logistic regression over the vectors of all encoders, kept as plain arrays."""

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


@dataclass(frozen=True)
class Learned:
    """`weights` (d,) by encoder name, one `bias`, and how many `labels` they were fitted on."""

    weights: Mapping[str, Floats]
    bias: float
    labels: int

    def log_odds(self, vectors: Mapping[str, Floats]) -> Doubles:
        """Log-odds of medical, (n,), from vectors (n, d) by encoder; `KeyError` where those of one are missing."""
        parts = [vectors[name].astype(np.float64) @ weights for name, weights in self.weights.items()]
        odds: Doubles = self.bias + np.sum(parts, axis=0)
        return odds


def fit_learned(vectors: Mapping[str, Floats], is_medical: NDArray[np.bool_]) -> Learned:
    """Logistic regression, both sides weighing the same however many labels each has: vectors (n, d) by encoder.

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
    return Learned(dict(zip(names, parts, strict=True)), float(model.intercept_[0]), len(is_medical))


def write_learned(path: Path, learned: Learned) -> None:
    """Write it as a safetensors file."""
    from safetensors.numpy import save

    tensors = {WEIGHTS + name: np.ascontiguousarray(values, np.float32) for name, values in learned.weights.items()}
    tensors |= {BIAS: np.array([learned.bias], np.float64), LABELS: np.array([learned.labels], np.int64)}
    path.write_bytes(save(tensors))


def read_learned(path: Path) -> Learned:
    """What `write_learned` wrote, from a file whose digest was verified."""
    from safetensors.numpy import load_file

    tensors = load_file(path)
    weights = {name.removeprefix(WEIGHTS): values for name, values in tensors.items() if name.startswith(WEIGHTS)}
    return Learned(weights, float(tensors[BIAS][0]), int(tensors[LABELS][0]))
