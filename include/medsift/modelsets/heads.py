"""The head of a model set: kinds as they were learnt from labelled pictures, over the vectors of one encoder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """Multinomial logistic regression: `weights` (d, k) and `bias` (k,) over unit vectors of `encoder`, for k kinds.

    `is_medical` (k,) says on which side each kind is.
    """

    encoder: str
    kinds: tuple[str, ...]
    is_medical: NDArray[np.bool_]
    weights: Floats
    bias: Floats

    def log_shares(self, vectors: Floats) -> NDArray[np.float64]:
        """Log-probability of each kind: (n, d) -> (n, k)."""
        logits = (vectors @ self.weights + self.bias).astype(np.float64)
        top = logits.max(axis=1, keepdims=True)
        shares: NDArray[np.float64] = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        return shares


def read_head(path: Path) -> Head:
    """The head in a safetensors file whose digest was verified."""
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        about = file.metadata()
        return Head(
            about["encoder"],
            tuple(json.loads(about["kinds"])),
            file.get_tensor("is_medical").astype(bool),
            file.get_tensor("weights"),
            file.get_tensor("bias"),
        )


def write_head(path: Path, head: Head) -> None:
    """Write it as a safetensors file."""
    from safetensors.numpy import save

    tensors: dict[str, NDArray[Any]] = {
        "is_medical": head.is_medical.astype(np.uint8),
        "weights": np.ascontiguousarray(head.weights, np.float32),
        "bias": np.ascontiguousarray(head.bias, np.float32),
    }
    path.write_bytes(save(tensors, {"encoder": head.encoder, "kinds": json.dumps(head.kinds)}))
