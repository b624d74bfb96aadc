"""Step `shard`: all batches brought together, duplicates joined and linked, work for the encoders cut into shards."""

import logging
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from medsift.contracts import Leaf, Occurrence, Picture, SourceOutcome, SourceState
from medsift.pictures.digests import link_near_duplicates
from medsift.steps.context import Context, Summary
from medsift.steps.extract import leaves_of
from medsift.steps.header import RunHeader
from medsift.steps.plan import scored_already
from medsift.steps.profile import encoder_digests
from medsift.steps.resources import log_rate
from medsift.steps.tables import read_rows, write_rows

log = logging.getLogger(__name__)
STEP = "shard"
MAX_SHARD = 4096  # pictures: about a minute of embedding on two cores


def run(context: Context, batches: list[str]) -> Summary:
    """Join what `batches` (those that finished) left. Leaves `sources`, `occurrences`, `pictures` and the shards.

    A source of a batch that never finished is recorded as failed. Raises nothing of its own.
    """
    leaves = leaves_of(context)
    with log_rate(log, STEP, "sources", len(leaves)) as rate:
        outcomes, occurrences, prepared = _of_batches(context, batches)
        outcomes = _without_passed_over(context, _complete(leaves, outcomes))
        stored, stored_pictures = _of_unchanged(context, outcomes)
        pictures = {picture.sha256: picture for picture in [*stored_pictures, *prepared]}
        occurrences = _join_duplicates(leaves, [*stored, *occurrences], pictures)
        linked = _link(context, occurrences, pictures)
        outcomes = _told_by_occurrences(outcomes, occurrences)
        shards = _shards(context, linked)
        _write(context, outcomes, occurrences, linked, shards)
        rate.step(len(leaves))
    lost = sorted({leaf.batch for leaf in leaves} - set(batches))
    log.info(
        "%d occurrences of %d pictures; %d to embed in %d shards; batches that never finished: %s",
        len(occurrences), len(linked), sum(map(len, shards)), len(shards), ", ".join(lost) or "none",
    )  # fmt: skip
    return {
        "found": len(occurrences),
        "pictures": len(linked),
        "to_embed": sum(map(len, shards)),
        "lost_batches": lost,
        "shards": [{"shard": f"{n:04d}", "name": f"{len(members)} pictures"} for n, members in enumerate(shards)],
    }


def _of_batches(
    context: Context, batches: Iterable[str]
) -> tuple[list[SourceOutcome], list[Occurrence], list[Picture]]:
    outcomes: list[SourceOutcome] = []
    occurrences: list[Occurrence] = []
    pictures: list[Picture] = []
    for batch in sorted(set(batches)):
        outcomes += read_rows(context.volume.table(context.run_id, "extract", f"{batch}.sources"), SourceOutcome)
        occurrences += read_rows(context.volume.table(context.run_id, "preprocess", f"{batch}.occurrences"), Occurrence)
        pictures += read_rows(context.volume.table(context.run_id, "preprocess", f"{batch}.pictures"), Picture)
    return outcomes, occurrences, pictures


def _complete(leaves: list[Leaf], outcomes: list[SourceOutcome]) -> list[SourceOutcome]:
    """One outcome a leaf source, in the order planned."""
    by_source = {outcome.source: outcome for outcome in outcomes}
    complete = []
    for leaf in leaves:
        outcome = by_source.get(leaf.source)
        if leaf.state == "unchanged":
            outcome = SourceOutcome(leaf.source, leaf.kind, "unchanged", digest=leaf.digest)
        complete.append(
            outcome or SourceOutcome(leaf.source, leaf.kind, "failed", "The batch it was in did not finish.")
        )
    return complete


def _without_passed_over(context: Context, outcomes: list[SourceOutcome]) -> list[SourceOutcome]:
    """By night without addresses that turned out unchanged and scored, as `plan` did it with files."""
    if RunHeader.read(context.volume.run_header(context.run_id)).trigger != "nightly":
        return outcomes
    passed_over = scored_already(context, [outcome.source for outcome in outcomes if outcome.state == "unchanged"])
    log.info("%d addresses passed over: unchanged and scored", len(passed_over))
    return [outcome for outcome in outcomes if outcome.source not in passed_over]


def _of_unchanged(context: Context, outcomes: list[SourceOutcome]) -> tuple[list[Occurrence], list[Picture]]:
    unchanged = [outcome.source for outcome in outcomes if outcome.state == "unchanged"]
    if context.store is None or not unchanged:
        return [], []
    occurrences = context.store.occurrences_of(unchanged)
    identities = sorted({occurrence.sha256 for occurrence in occurrences if occurrence.sha256})
    return occurrences, list(context.store.pictures(identities).values())


def _join_duplicates(
    leaves: list[Leaf], occurrences: list[Occurrence], pictures: dict[str, Picture]
) -> list[Occurrence]:
    """In the order of the sources, the first place of a picture is `kept` and every other an `exact_duplicate`."""
    order = {leaf.source: number for number, leaf in enumerate(leaves)}
    seen: set[str] = set()
    joined = []
    for occurrence in sorted(occurrences, key=lambda o: (order.get(o.source, len(order)), o.ordinal)):
        if occurrence.sha256 not in pictures:
            joined.append(occurrence)
            continue
        joined.append(replace(occurrence, state="exact_duplicate" if occurrence.sha256 in seen else "kept"))
        seen.add(occurrence.sha256)
    return joined


def _link(context: Context, occurrences: list[Occurrence], pictures: dict[str, Picture]) -> list[Picture]:
    kept = [pictures[o.sha256] for o in occurrences if o.sha256 and o.state == "kept"]
    links = link_near_duplicates(
        [picture.sha256 for picture in kept],
        [picture.perceptual_hash for picture in kept],
        context.settings.near_duplicate_distance,
    )
    return [replace(picture, near_duplicate_of=links.get(picture.sha256)) for picture in kept]


def _told_by_occurrences(outcomes: list[SourceOutcome], occurrences: list[Occurrence]) -> list[SourceOutcome]:
    """How many pictures each source had, and whether all of them could be read."""
    found: dict[str, list[Occurrence]] = defaultdict(list)
    for occurrence in occurrences:
        found[occurrence.source].append(occurrence)
    return [_told(outcome, found[outcome.source]) for outcome in outcomes]


def _told(outcome: SourceOutcome, found: list[Occurrence]) -> SourceOutcome:
    failed = [occurrence for occurrence in found if occurrence.state == "failed"]
    if outcome.state == "done" and failed:
        state: SourceState = "failed" if len(failed) == len(found) else "partial"
        reason = failed[0].reason if len(failed) == 1 else f"{len(failed)} pictures: {failed[0].reason}"
        outcome = replace(outcome, state=state, reason=reason)
    return replace(outcome, found=len(found))


def _shards(context: Context, pictures: list[Picture]) -> list[list[Picture]]:
    """Pictures that lack a vector of some encoder of the profile; one empty shard where there are none."""
    lacking = {picture.sha256 for picture in pictures}
    if context.store is not None:
        identities = sorted(lacking)
        lacking = set()
        for digest in encoder_digests(context.settings).values():
            lacking |= context.store.lacking_vectors(digest, identities)
    todo = [picture for picture in pictures if picture.sha256 in lacking]
    count = max(1, math.ceil(len(todo) / MAX_SHARD))
    return [todo[number::count] for number in range(count)]


def _write(
    context: Context,
    outcomes: list[SourceOutcome],
    occurrences: list[Occurrence],
    pictures: list[Picture],
    shards: list[list[Picture]],
) -> None:
    def table(name: str) -> Path:
        return context.volume.table(context.run_id, STEP, name)

    write_rows(table("sources"), SourceOutcome, outcomes)
    write_rows(table("occurrences"), Occurrence, occurrences)
    write_rows(table("pictures"), Picture, pictures)
    for number, members in enumerate(shards):
        write_rows(table(f"{number:04d}.pictures"), Picture, members)
