"""Step `publish`: what the run found and decided becomes rows in Postgres; safe to repeat."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from medsift.contracts import Occurrence, Picture, Portion, SourceOutcome, Verdict, Vote
from medsift.errors import StoreError
from medsift.steps.context import Context, Summary
from medsift.steps.header import RunHeader
from medsift.steps.mirror import mirror_model_set, record_of
from medsift.steps.plan import extraction_digest
from medsift.steps.portions import pictures_of, portions_of, rows_of, votes_of
from medsift.steps.profile import encoder_digests
from medsift.steps.resources import log_rate
from medsift.steps.tables import iter_rows
from medsift.steps.vectors import made_in_run
from medsift.store import EncodedVectors, Store

log = logging.getLogger(__name__)
STEP = "publish"
SOURCES_A_TRANSACTION = 1000
OCCURRENCES_A_TRANSACTION = 10_000
T = TypeVar("T")


@dataclass(frozen=True)
class Judged:
    """A portion with all that is published of it."""

    pictures: list[Picture]
    vectors: list[EncodedVectors]
    votes: list[Vote]
    verdicts: list[Verdict]


def run(context: Context) -> Summary:
    """Write the run's rows, one transaction a portion of pictures and then of sources; runs side by side wait in line.

    Sources come after pictures: a run killed between is repeated whole, since no source counts as read before its
    rows are there. Raises `StoreError` without a store or where it is lost.
    """
    if context.store is None:
        raise StoreError("There is no database to publish to.")
    portions, header = portions_of(context), RunHeader.read(context.volume.run_header(context.run_id))
    total, sources, occurrences = sum(portion.pictures for portion in portions), 0, 0
    with context.store.exclusive(), log_rate(log, STEP, "pictures", total) as rate:
        _name_model_sets(context, context.store)
        for judged in _one_ahead(_judged(context, portion) for portion in portions):
            context.store.publish_pictures(
                context.run_id, judged.pictures, judged.vectors, judged.votes, judged.verdicts,
                header.model_set, header.prompt_set_digest,
            )  # fmt: skip
            context.progress(STEP, rate.step(len(judged.pictures)), total)
        for outcomes, places in _one_ahead(_sources(context)):
            context.store.publish_sources(context.run_id, outcomes, places, extraction_digest(context))
            sources, occurrences = sources + len(outcomes), occurrences + len(places)
        for name, digest in encoder_digests(context.settings).items():
            context.store.build_search_index(digest)
            log.info("search index of %s is up to date", name)
    return {"pictures": total, "occurrences": occurrences, "sources": sources}


def _name_model_sets(context: Context, store: Store) -> None:
    store.register_model_set(record_of(context.settings))
    mirror_model_set(context.settings, store)


def _judged(context: Context, portion: Portion) -> Judged:
    pictures = pictures_of(context, portion)
    encoded = [_encoded(context, name, portion, pictures) for name in encoder_digests(context.settings)]
    return Judged(
        pictures,
        encoded,
        votes_of(context, portion),
        rows_of(context, portion, "ensemble", "verdicts", Verdict),
    )


def _encoded(context: Context, encoder: str, portion: Portion, pictures: list[Picture]) -> EncodedVectors:
    made = made_in_run(context, encoder, portion)
    new = [picture.sha256 for picture in pictures if picture.sha256 in made.row_of]
    return EncodedVectors(encoder, encoder_digests(context.settings)[encoder], new, made.of(new), made.engine)


def _sources(context: Context) -> Iterator[tuple[list[SourceOutcome], list[Occurrence]]]:
    """Sources with all their occurrences, as many as fit a transaction: `shard` left both in the same order."""
    outcomes: list[SourceOutcome] = []
    places: list[Occurrence] = []
    occurrences = iter_rows(context.volume.table(context.run_id, "shard", "occurrences"), Occurrence)
    groups = groupby(occurrences, attrgetter("source"))
    source, found = next(groups, (None, iter(())))
    for outcome in iter_rows(context.volume.table(context.run_id, "shard", "sources"), SourceOutcome):
        outcomes.append(outcome)
        if source == outcome.source:
            places += found
            source, found = next(groups, (None, iter(())))
        if len(outcomes) == SOURCES_A_TRANSACTION or len(places) >= OCCURRENCES_A_TRANSACTION:
            yield outcomes, places
            outcomes, places = [], []
    if source is not None:
        raise ValueError(f"the occurrences of {source} are not in the order of the sources")
    if outcomes:
        yield outcomes, places


def _one_ahead(made: Iterator[T]) -> Iterator[T]:
    """The same, each read in a thread while the one before it is published."""
    with ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
        coming = reader.submit(next, made, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, made, None)
            yield item
