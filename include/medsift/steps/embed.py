"""Step `embed`: one decode of each picture of a shard, every encoder of the profile."""

import logging
from collections.abc import Iterable
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Picture
from medsift.pictures.batches import pixel_batches
from medsift.steps.context import Context, Summary
from medsift.steps.networks import loaded_profile
from medsift.steps.profile import prompted
from medsift.steps.resources import log_rate
from medsift.steps.tables import read_rows, write_vectors

log = logging.getLogger(__name__)
STEP = "embed"


def run(context: Context, shard: str) -> Summary:
    """Embed the pictures of a shard; leaves `<shard>.<encoder>` with float32 vectors of unit length.

    A picture that cannot be decoded any more (its file was damaged since), or of which a network makes no finite
    numbers, gets no vector and a line in the log.
    """
    pictures = read_rows(context.volume.table(context.run_id, "shard", f"{shard}.pictures"), Picture)
    if not pictures:
        log.info("embed: nothing new in this shard")
        return {"shard": shard, "pictures": 0, "embedded": 0}
    profile = loaded_profile(context.settings, len(pictures))
    vectors: dict[str, list[NDArray[np.float32]]] = {encoder.name: [] for encoder in profile.encoders}
    embedded: list[str] = []
    with log_rate(log, STEP, "pictures", len(pictures)) as rate:
        batches = pixel_batches(
            context.workers,
            ((p.sha256, context.volume.picture(p.sha256, p.extension)) for p in pictures),
            [asdict(view) for view in profile.views],
            context.settings.batch_size,
            context.settings.max_pixels,
        )
        for batch in batches:
            made = profile.encode_pictures(batch.pixels)
            usable = are_finite(made.values())
            for name, rows in made.items():
                vectors[name].append(rows[usable])
            embedded += [sha256 for sha256, is_usable in zip(batch.sha256s, usable, strict=True) if is_usable]
            context.progress(STEP, rate.step(len(batch.sha256s)), len(pictures))
    for encoder in profile.encoders if embedded else ():
        path = context.volume.table(context.run_id, STEP, f"{shard}.{encoder.name}")
        write_vectors(path, embedded, np.concatenate(vectors[encoder.name]), encoder.tower.engine)
    if len(embedded) < len(pictures):
        log.warning("%d pictures have no vector: not decoded, or no finite numbers", len(pictures) - len(embedded))
    prompted(context.settings)  # the steps that follow find the prompts' vectors kept
    return {"shard": shard, "pictures": len(pictures), "embedded": len(embedded)}


def are_finite(parts: Iterable[NDArray[np.float32]]) -> NDArray[np.bool_]:
    """Whether all numbers of a row are finite in each of the arrays (n, d): (n,)."""
    flags: NDArray[np.bool_] = np.logical_and.reduce([np.isfinite(rows).all(axis=1) for rows in parts])
    return flags
