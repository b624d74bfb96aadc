"""Step `publish`: what the run found and decided becomes rows in Postgres; safe to repeat."""

import logging
from collections.abc import Iterator, Sequence
from typing import TypeVar

from medsift.errors import StoreError
from medsift.steps.context import Context, Summary
from medsift.steps.mirror import mirror_model_set, record_of
from medsift.steps.plan import extraction_digest
from medsift.steps.profile import current_model_set, encoder_digests
from medsift.steps.resources import log_rate
from medsift.steps.result import RunResult
from medsift.steps.vectors import Vectors, made_in_run
from medsift.store import EncodedVectors, Store

log = logging.getLogger(__name__)
STEP = "publish"
PICTURES_A_TRANSACTION = 4096
SOURCES_A_TRANSACTION = 1000
T = TypeVar("T")


def run(context: Context) -> Summary:
    """Write the run's rows, one transaction a shard of pictures and then of sources; runs side by side wait in line.

    Sources come after pictures: a run killed between is repeated whole, since no source counts as read before its
    rows are there. Raises `StoreError` without a store or where it is lost.
    """
    if context.store is None:
        raise StoreError("There is no database to publish to.")
    result = RunResult.of(context)
    with context.store.exclusive(), log_rate(log, STEP, "pictures", len(result.pictures)) as rate:
        _name_model_sets(context, context.store)
        made = {name: made_in_run(context, name) for name in encoder_digests(context.settings)}
        for shard in _chunks(result.pictures, PICTURES_A_TRANSACTION):
            _publish_pictures(context, context.store, result, [picture.sha256 for picture in shard], made)
            context.progress(STEP, rate.step(len(shard)), len(result.pictures))
        for outcomes in _chunks(result.sources, SOURCES_A_TRANSACTION):
            names = {outcome.source for outcome in outcomes}
            places = [occurrence for occurrence in result.occurrences if occurrence.source in names]
            context.store.publish_sources(context.run_id, outcomes, places, extraction_digest(context))
        for name, digest in encoder_digests(context.settings).items():
            context.store.build_search_index(digest)
            log.info("search index of %s is up to date", name)
    return {"pictures": len(result.pictures), "occurrences": len(result.occurrences), "sources": len(result.sources)}


def _name_model_sets(context: Context, store: Store) -> None:
    model_set = current_model_set(context.settings)
    if model_set is not None:
        store.register_model_set(record_of(model_set))
    mirror_model_set(context.settings, store)


def _publish_pictures(
    context: Context, store: Store, result: RunResult, sha256s: list[str], made: dict[str, Vectors]
) -> None:
    chosen = set(sha256s)
    store.publish_pictures(
        context.run_id,
        [picture for picture in result.pictures if picture.sha256 in chosen],
        [_encoded(context, name, vectors, sha256s) for name, vectors in made.items()],
        [vote for vote in result.votes if vote.sha256 in chosen],
        [verdict for sha256, verdict in result.verdicts.items() if sha256 in chosen],
        result.header.model_set,
        result.header.prompt_set_digest,
    )


def _encoded(context: Context, encoder: str, vectors: Vectors, sha256s: list[str]) -> EncodedVectors:
    new = [sha256 for sha256 in sha256s if sha256 in vectors.row_of]
    return EncodedVectors(encoder, encoder_digests(context.settings)[encoder], new, vectors.of(new))


def _chunks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
