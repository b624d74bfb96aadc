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
from medsift.sandbox import GARBAGE, Sandbox

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class PixelBatch:
    """`pixels` is, by the side of the views, uint8 RGB (n, views of that side, side, side, 3), row i of picture
    `sha256s[i]`; `failed` has the reasons of those met on the way whose file could not be read."""

    sha256s: list[str] = field(default_factory=list)
    pixels: dict[int, Pixels] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def pixel_batches(
    workers: Workers,
    pictures: Iterable[tuple[str, Path]],
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
    for sha256, pixels in workers.map(work, pictures, ahead=batch_size):
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


def _pixels(
    arguments: Mapping[str, Any], sides: Sequence[int], sandbox: Sandbox, picture: tuple[str, Path]
) -> tuple[str, bytes | str]:
    sha256, path = picture
    try:
        answers = list(sandbox.stream("medsift.pictures.views:views", {**arguments, "path": str(path)}))
        if [len(data) for _, data in answers] != [sum(map(bytes_of, sides))]:
            raise SandboxError(GARBAGE)
    except (PictureError, SourceError) as error:
        return sha256, str(error)
    return sha256, answers[0][1]


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
