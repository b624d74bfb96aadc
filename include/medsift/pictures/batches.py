"""Pictures as batches of pixels for the models, decoded ahead in child processes."""

import logging
import math
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
    """`pixels` is uint8 RGB (n, views, size, size, 3), row i of picture `sha256s[i]`; `failed` has the reasons of
    those met on the way whose file could not be read."""

    sha256s: list[str] = field(default_factory=list)
    pixels: Pixels = field(default_factory=lambda: np.empty((0, 0, 0, 0, 3), np.uint8))
    failed: dict[str, str] = field(default_factory=dict)


def pixel_batches(
    workers: Workers,
    pictures: Iterable[tuple[str, Path]],
    views: Sequence[Mapping[str, Any]],
    batch_size: int,
    max_pixels: int,
) -> Iterator[PixelBatch]:
    """Batches of at most `batch_size` pictures (sha256, path), in order; `views` of one size as fields of a `View`.

    Raises `ValueError` for views of several sizes.
    """
    if len({view["size"] for view in views}) != 1:
        raise ValueError("the views of one pass have one size")
    shape = (len(views), views[0]["size"], views[0]["size"], 3)
    work = partial(_pixels, {"views": [dict(view) for view in views], "max_pixels": max_pixels}, shape)
    names: list[str] = []
    rows: list[Pixels] = []
    failed: dict[str, str] = {}
    for sha256, pixels in workers.map(work, pictures):
        if isinstance(pixels, str):
            log.warning("picture %s cannot be read: %s", sha256, pixels)
            failed[sha256] = pixels
            continue
        names.append(sha256)
        rows.append(pixels)
        if len(rows) == batch_size:
            yield PixelBatch(names, np.stack(rows), failed)
            names, rows, failed = [], [], {}
    if rows or failed:
        yield PixelBatch(names, np.stack(rows) if rows else np.empty((0, *shape), np.uint8), failed)


def _pixels(
    arguments: Mapping[str, Any], shape: tuple[int, ...], sandbox: Sandbox, picture: tuple[str, Path]
) -> tuple[str, Pixels | str]:
    sha256, path = picture
    try:
        answers = list(sandbox.stream("medsift.pictures.views:views", {**arguments, "path": str(path)}))
        if [len(data) for _, data in answers] != [math.prod(shape)]:
            raise SandboxError(GARBAGE)
    except (PictureError, SourceError) as error:
        return sha256, str(error)
    return sha256, np.frombuffer(answers[0][1], np.uint8).reshape(shape)
