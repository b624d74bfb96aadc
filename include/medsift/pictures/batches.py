"""Pictures as batches of pixels for the models, decoded ahead in child processes."""

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsift.errors import PictureError, SandboxError, SourceError
from medsift.pictures.workers import Workers
from medsift.sandbox import GARBAGE, MAX_REASON, Sandbox

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
Picture = tuple[str, Path]
OF_A_JOB = 4  # pictures: handing over each by itself, the parent is what 16 cores wait for
VIEWS_OF_FILES = "medsift.pictures.views:views_of_files"


@dataclass(frozen=True)
class PixelBatch:
    """`pixels` is, by the side of the views, uint8 RGB (n, views of that side, side, side, 3), row i of picture
    `sha256s[i]`; `failed` has the reasons of those met on the way whose file could not be read."""

    sha256s: list[str] = field(default_factory=list)
    pixels: dict[int, Pixels] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def pixel_batches(
    workers: Workers,
    pictures: Iterable[Picture],
    views: Sequence[Mapping[str, Any]],
    batch_size: int,
    max_pixels: int,
) -> Iterator[PixelBatch]:
    """Batches of at most `batch_size` pictures (sha256, path), in order; `views` as fields of a `View`."""
    sides = [int(view["size"]) for view in views]
    work = partial(_pixels, {"views": [dict(view) for view in views], "max_pixels": max_pixels}, sides)
    names: list[str] = []
    rows: list[bytes] = []
    failed: dict[str, str] = {}
    decoded = workers.map(work, _jobs(pictures), ahead=batch_size // OF_A_JOB)
    for sha256, pixels in itertools.chain.from_iterable(decoded):
        if isinstance(pixels, str):
            log.warning("picture %s cannot be read: %s", sha256, pixels)
            failed[sha256] = pixels
            continue
        names.append(sha256)
        rows.append(pixels)
        if len(rows) == batch_size:
            yield PixelBatch(names, by_side(rows, sides), failed)
            names, rows, failed = [], [], {}
    if rows or failed:
        yield PixelBatch(names, by_side(rows, sides), failed)


def _jobs(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    left = iter(pictures)
    while some := list(itertools.islice(left, OF_A_JOB)):
        yield some


def _pixels(
    arguments: Mapping[str, Any], sides: Sequence[int], sandbox: Sandbox, pictures: list[Picture]
) -> list[tuple[str, bytes | str]]:
    """Pixels of each picture, or why it has none.

    The child goes on with the next while what it sent is read here. Where it dies, the picture it had in hand has
    failed, and a fresh child takes those behind it.
    """
    done: list[tuple[str, bytes | str]] = []
    size = sum(map(bytes_of, sides))
    while left := pictures[len(done) :]:
        try:
            paths = [str(path.absolute()) for _, path in left]  # the child stands elsewhere
            answers = sandbox.stream(VIEWS_OF_FILES, {**arguments, "paths": paths}, each_anew=True)
            for item, data in answers:
                if len(done) == len(pictures) or ("failed" not in item and len(data) != size):
                    raise SandboxError(GARBAGE)
                done.append((pictures[len(done)][0], item.text("failed", MAX_REASON) if "failed" in item else data))
            if len(done) < len(pictures):
                raise SandboxError(GARBAGE)
        except (PictureError, SourceError) as error:
            if len(done) < len(pictures):
                done.append((pictures[len(done)][0], str(error)))
    return done


def bytes_of(side: int) -> int:
    """Size of one view's pixels."""
    return side * side * 3


def by_side(rows: Sequence[bytes], sides: Sequence[int]) -> dict[int, Pixels]:
    """Bytes of all views of each picture to arrays, views of one side together in their order."""
    starts = list(itertools.accumulate(map(bytes_of, sides), initial=0))
    pixels = {side: np.empty((len(rows), sides.count(side), side, side, 3), np.uint8) for side in sides}
    for number, row in enumerate(rows):
        filled = dict.fromkeys(sides, 0)
        for side, start in zip(sides, starts, strict=False):
            view = np.frombuffer(row, np.uint8, bytes_of(side), start)
            pixels[side][number, filled[side]] = view.reshape(side, side, 3)
            filled[side] += 1
    return pixels
