"""The head of a model set: what was learnt from labelled pictures, over the vectors of one encoder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
CENTRES, PULLS = "kernel_centres", "kernel_weights"  # names of tensors


@dataclass(frozen=True)
class Kernel:
    """Medical or not, by ridge regression with a Gaussian kernel (Saunders et al. 1998).

    `centres` (m, d) of unit length stand for the labelled pictures (Zhang et al. 2008), `weights` (m,) say which way
    each pulls.
    """

    centres: Floats
    weights: Doubles

    def log_odds(self, vectors: Floats) -> Doubles:
        """Log-odds of medical, uncalibrated, of unit vectors: (n, d) -> (n,)."""
        odds: Doubles = likeness(vectors, self.centres) @ self.weights
        return odds


def likeness(vectors: Floats, centres: Floats) -> Doubles:
    """Gaussian kernel of unit vectors, 1 where they are equal: (n, d), (m, d) -> (n, m)."""
    near: Doubles = np.exp((vectors @ centres.T).astype(np.float64) - 1)
    return near


@dataclass(frozen=True)
class Head:
    """Multinomial logistic regression: `weights` (d, k) and `bias` (k,) over unit vectors of `encoder`, for k kinds.

    `is_medical` (k,) says on which side each kind is. `kernel` tells sides without kinds; heads of before have none.
    """

    encoder: str
    kinds: tuple[str, ...]
    is_medical: NDArray[np.bool_]
    weights: Floats
    bias: Floats
    kernel: Kernel | None = None

    def log_shares(self, vectors: Floats) -> Doubles:
        """Log-probability of each kind: (n, d) -> (n, k)."""
        logits = (vectors @ self.weights + self.bias).astype(np.float64)
        top = logits.max(axis=1, keepdims=True)
        shares: Doubles = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        return shares


def read_head(path: Path) -> Head:
    """The head in a safetensors file whose digest was verified."""
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        about = file.metadata()
        stored = set(file.keys())
        return Head(
            about["encoder"],
            tuple(json.loads(about["kinds"])),
            file.get_tensor("is_medical").astype(bool),
            file.get_tensor("weights"),
            file.get_tensor("bias"),
            Kernel(file.get_tensor(CENTRES), file.get_tensor(PULLS)) if CENTRES in stored else None,
        )


def write_head(path: Path, head: Head) -> None:
    """Write it as a safetensors file."""
    from safetensors.numpy import save

    tensors: dict[str, NDArray[Any]] = {
        "is_medical": head.is_medical.astype(np.uint8),
        "weights": np.ascontiguousarray(head.weights, np.float32),
        "bias": np.ascontiguousarray(head.bias, np.float32),
    }
    if head.kernel:
        tensors[CENTRES] = np.ascontiguousarray(head.kernel.centres, np.float32)
        tensors[PULLS] = np.ascontiguousarray(head.kernel.weights, np.float64)
    path.write_bytes(save(tensors, {"encoder": head.encoder, "kinds": json.dumps(head.kinds)}))
