"""Does this machine compute what the weights mean? Vectors of 64 pictures, compared with the reference's.

56 are drawn, 8 are real ones that ship with medsift (examples/README.md) and serve nothing else.

The reference is torch in float32 on a CPU; it writes its vectors beside the weights when they are brought. Anything
else that runs them, be it another device, precision, engine or version of torch, must reproduce them before it is used:
accelerators that compute wrong results without a word are a known trouble.

Below float32 features may be off by more, and no verdict may change. Some drawn pictures lie near 0.5 by chance, where
a small difference tells: so this refuses an engine that would do no harm rather than take one that does. It is no
proof: 64 pictures say little about millions (benchmarks/flips.py counts them on a folder of real ones).
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medsift.encoders import Floats, Judge, Pixels, unit_rows
from medsift.encoders.engines import REFERENCE
from medsift.errors import WeightsError
from medsift.volume import write_atomically

log = logging.getLogger(__name__)

COUNT, DRAWN = 64, 56
REAL = Path(__file__).parent / "selftest"
TOLERANCE = 0.01  # in float32: largest error of a vector, as a share of how far vectors lie from their mean
LEAST_COSINE = 0.99  # in a lower precision: mean cosine between a vector and the reference's
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class SelfTest:
    """The reference features of one network over the self-test's pictures, kept in a file."""

    path: Path

    def is_there(self, side: int) -> bool:
        """Whether the reference's features of these very pictures are kept; those of other pictures are not compared.

        Raises `WeightsError` where the file is damaged.
        """
        return self.path.exists() and self._metadata().get("pictures") == _digest(side)

    def is_made_by(self, maker: str) -> bool:
        """Whether that very reference wrote the file, so that there is nothing to compare."""
        return self.path.exists() and self._read()[1] == maker

    def write(self, features: Floats, maker: str, side: int) -> None:
        """Keep the reference's features (64, d) of the pictures at that side."""
        from safetensors.numpy import save

        write_atomically(self.path, save({"features": features}, {"maker": maker, "pictures": _digest(side)}))

    def require(
        self, features: Floats, name: str, maker: str, *, is_lower: bool = False, judge: Judge | None = None
    ) -> None:
        """Raise `WeightsError` unless features of the pictures (64, d) point where the reference's do.

        `is_lower`: they were made in a lower precision than float32, which may be off by more, as long as the `judge`
        sees the same in every picture.
        """
        stored, reference = self._read()
        expected, found = unit_rows(stored), unit_rows(features)
        cosine = float((expected * found).sum(axis=1).mean())
        spread = np.linalg.norm(expected - expected.mean(axis=0), axis=1).mean()
        error = float(np.linalg.norm(found - expected, axis=1).max() / spread)
        log.info("self-test of %s by %s against %s: error %.2g, cosine %.4f", name, maker, reference, error, cosine)
        is_good = cosine >= LEAST_COSINE if is_lower else error <= TOLERANCE  # an error that is no number is one too
        if not is_good:
            off = f"the mean cosine is {cosine:.4f}, needed is {LEAST_COSINE}"
            if not is_lower:
                off = f"off by {error:.2g} of their spread, allowed is {TOLERANCE}"
            raise WeightsError(
                f"{name} failed its self-test: {maker} does not give the vectors of {reference} ({off}).",
                f"It is not used; set engine to {REFERENCE} and device to cpu.",
            )
        if is_lower and judge is not None:
            changed = sum(
                ours != theirs for ours, theirs in zip(judge.labels(features), judge.labels(stored), strict=True)
            )
            if changed:
                raise WeightsError(
                    f"{name} failed its self-test: {maker} changes the verdict on {changed} of {COUNT} pictures.",
                    "It is not used.",
                )

    def _metadata(self) -> dict[str, str]:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, "np") as file:
                return file.metadata() or {}
        except SafetensorError as error:
            raise self._damaged(error) from None

    def _read(self) -> tuple[Floats, str]:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, "np") as file:
                features: Floats = file.get_tensor("features")
                return features, file.metadata()["maker"]
        except (SafetensorError, KeyError, TypeError) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> WeightsError:
        return WeightsError(f"{self.path} is no self-test ({error}).", "Remove it; it is made anew.")


@lru_cache(maxsize=1)  # loading asks for them twice, and drawing takes half a second
def pictures(side: int) -> Pixels:
    """All pictures of the self-test, the same on every machine: uint8 (64, side, side, 3)."""
    return np.concatenate([drawn_pictures(side), _real_pictures(side)])


@cache
def _digest(side: int) -> str:
    return hashlib.sha256(pictures(side).tobytes()).hexdigest()


def _real_pictures(side: int) -> Pixels:
    """Those that ship, each pixel taken from the nearest one: whole numbers alone here too."""
    scaled = []
    for path in sorted(REAL.glob("*.png")):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        nearest = np.arange(side) * len(pixels) // side
        scaled.append(pixels[nearest][:, nearest])
    return np.stack(scaled)


def drawn_pictures(side: int) -> Pixels:
    """56 pictures drawn by whole numbers alone, the same on every machine: uint8 (56, side, side, 3)."""
    down, across = (np.indices((side, side), dtype=np.int64) * 256) // side
    drawn = [PATTERNS[number % len(PATTERNS)](across, down, number) for number in range(DRAWN)]
    return np.stack([np.stack(channels, axis=-1) for channels in drawn]).astype(np.uint8)


def _gradient(x: Integers, y: Integers, n: int) -> list[Integers]:
    return [(x * (n // 8 + 1) + y * c) // 4 % 256 for c in range(3)]


def _discs(x: Integers, y: Integers, n: int) -> list[Integers]:
    far = (x - 90 - n) ** 2 + (y - 120) ** 2
    return [np.where(far < (30 + n + 20 * c) ** 2, 230 - 60 * c, 20 + n) for c in range(3)]


def _rings(x: Integers, y: Integers, n: int) -> list[Integers]:
    grey = ((x - 128) ** 2 + (y - 128) ** 2) // (40 + 12 * n) % 2 * 200 + 30
    return [grey, grey, grey]


def _stripes(x: Integers, y: Integers, n: int) -> list[Integers]:
    return [((x * (n % 3) + y) // (3 + n % 11) % 2) * (255 - 70 * c) for c in range(3)]


def _squares(x: Integers, y: Integers, n: int) -> list[Integers]:
    wide = 8 + n
    return [((x // wide + y // wide + c * (n % 2)) % 2) * 220 for c in range(3)]


def _woven(x: Integers, y: Integers, n: int) -> list[Integers]:
    return [((x ^ y) * (1 + n // 8) + 40 * c) % 256 for c in range(3)]


def _grains(x: Integers, y: Integers, n: int) -> list[Integers]:
    wide = 2 + n // 8
    mixed = ((x // wide + n) * 7919 + (y // wide) * 104729) ** 2
    return [(mixed >> (7 * c + 9)) % 256 for c in range(3)]


def _frame(x: Integers, y: Integers, n: int) -> list[Integers]:
    is_line = (abs(x - 40) < 3) | (abs(y - 210) < 3) | (abs(y - 200 + (x - 40) * (n + 8) // 80) < 3)
    return [np.where(is_line, 30 * c, 255) for c in range(3)]


PATTERNS: tuple[Callable[[Integers, Integers, int], list[Integers]], ...] = (
    _gradient, _discs, _rings, _stripes, _squares, _woven, _grains, _frame,
)  # fmt: skip
