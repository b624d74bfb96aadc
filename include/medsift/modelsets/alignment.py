"""The alignment of profile lite: two maps that bring picture and text features into one space."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Alignment:
    """`mean` and `deviation` (p,) standardise picture features; `picture_map` (p, d) and `text_map` (t, d) project.

    `scale` is the learnt factor between cosine and log-odds; `power` what features are raised to before, their sign
    kept (Perronnin et al. 2010); `digest` the SHA-256 of the file it was read from.
    """

    mean: Floats
    deviation: Floats
    picture_map: Floats
    text_map: Floats
    scale: float
    power: float = 1.0
    digest: str = ""

    def place(self, features: Floats) -> Floats:
        """Picture features in the common space: (n, p) -> (n, d), not of unit length."""
        standard = (raised(features, self.power) - self.mean) / self.deviation
        return np.asarray(standard @ self.picture_map, np.float32)


def raised(features: Floats, power: float) -> Floats:
    """Each value to that power, its sign kept: a few strong channels no longer drown the others."""
    return (np.sign(features) * np.abs(features) ** power).astype(np.float32)


def read_alignment(path: Path, digest: str) -> Alignment:
    """The alignment in a safetensors file whose digest was verified."""
    from safetensors.numpy import load_file

    tensors = load_file(path)
    return Alignment(
        tensors["mean"],
        tensors["deviation"],
        tensors["picture_map"],
        tensors["text_map"],
        float(tensors["scale"][0]),
        float(tensors["power"][0]) if "power" in tensors else 1.0,  # sets of before have none
        digest,
    )


def write_alignment(path: Path, alignment: Alignment) -> None:
    """Write it as a safetensors file of float32."""
    from safetensors.numpy import save

    tensors = {
        "mean": alignment.mean,
        "deviation": alignment.deviation,
        "picture_map": alignment.picture_map,
        "text_map": alignment.text_map,
        "scale": np.array([alignment.scale]),
        "power": np.array([alignment.power]),
    }
    path.write_bytes(save({name: np.ascontiguousarray(values, np.float32) for name, values in tensors.items()}))
