"""Stored pictures to vectors in their parts, as step `embed` does it: decoding, the forward pass, both together."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medsift.encoders import Pixels, View
from medsift.machine import usable_cores
from medsift.pictures.batches import PixelBatch, pixel_batches
from medsift.pictures.workers import Workers
from medsift.sandbox import Limits
from medsift.settings import Settings

Stored = Sequence[tuple[str, Path]]  # identity and file
Encode = Callable[[Mapping[int, Pixels]], Any]


def pictures_per_second(counts: Iterator[int], seconds: float) -> float:
    """Over whole batches, whose sizes `counts` gives as each is done, after one to warm up."""
    next(counts)
    count, begun = 0, time.perf_counter()
    while (passed := time.perf_counter() - begun) < seconds:
        count += next(counts)
    return count / passed


def decoding_rate(pictures: Stored, views: Sequence[View], settings: Settings, seconds: float) -> float:
    """Files to pixels of all views in the child processes, pictures a second."""
    return pictures_per_second((len(batch.sha256s) for batch in _decoded(pictures, views, settings)), seconds)


def forward_rate(encode: Encode, batch: PixelBatch, seconds: float) -> float:
    """Pixels that are ready to vectors, nothing else at work, pictures a second."""

    def counts() -> Iterator[int]:
        while True:
            encode(batch.pixels)
            yield len(batch.sha256s)

    return pictures_per_second(counts(), seconds)


def stored_to_vector_rate(
    pictures: Stored, views: Sequence[View], encode: Encode, settings: Settings, seconds: float
) -> float:
    """Files to vectors, decoding ahead while the networks work, pictures a second."""

    def counts() -> Iterator[int]:
        for batch in _decoded(pictures, views, settings):
            encode(batch.pixels)
            yield len(batch.sha256s)

    return pictures_per_second(counts(), seconds)


def ready_batch(pictures: Stored, views: Sequence[View], settings: Settings) -> PixelBatch:
    """The first batch of the pictures, decoded."""
    return next(_decoded(pictures, views, settings))


def _decoded(pictures: Stored, views: Sequence[View], settings: Settings) -> Iterator[PixelBatch]:
    """Batches for ever: the pictures over and over."""
    with Workers(settings.num_workers or usable_cores(), Limits.of(settings)) as workers:
        yield from pixel_batches(
            workers, itertools.cycle(pictures), [asdict(view) for view in views], settings.batch_size,
            settings.max_pixels,
        )  # fmt: skip
