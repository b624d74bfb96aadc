"""Step `shard`: all batches brought together, duplicates joined and linked, pictures cut into portions.

A portion whose pictures lack vectors is a shard for the encoders; the others hold pictures that were embedded before.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from medsift.contracts import Leaf, Occurrence, Picture, Portion, SourceOutcome, SourceState, Surroundings
from medsift.pictures.near_duplicates import link_near_duplicates
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
KNOWN = "known-"  # begins the names of portions that have all their vectors


def run(context: Context, batches: list[str], max_shard: int = MAX_SHARD) -> Summary:
    """Join what `batches` (those that finished) left. Leaves `sources`, `occurrences`, `pictures` and the portions.

    No portion has more than `max_shard` pictures. A source of a batch that never finished is recorded as failed.
    Raises nothing of its own.
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
        portions = _portions(context, linked, max_shard)
        _write(context, outcomes, occurrences, linked, portions)
        rate.step(len(leaves))
    shards = {name: len(members) for name, members in portions.items() if not name.startswith(KNOWN)}
    lost = sorted({leaf.batch for leaf in leaves} - set(batches))
    log.info(
        "%d occurrences of %d pictures; %d to embed in %d shards; batches that never finished: %s",
        len(occurrences), len(linked), sum(shards.values()), len(shards), ", ".join(lost) or "none",
    )  # fmt: skip
    return {
        "found": len(occurrences),
        "pictures": len(linked),
        "to_embed": sum(shards.values()),
        "lost_batches": lost,
        "shards": [{"shard": name, "name": f"{count} pictures"} for name, count in shards.items()],
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
    """The pictures kept, linked to what came before them in this run or is stored."""
    kept = [pictures[o.sha256] for o in occurrences if o.sha256 and o.state == "kept"]
    links = link_near_duplicates(
        [picture.sha256 for picture in kept],
        [picture.perceptual_hash for picture in kept],
        context.settings.near_duplicate_distance,
        context.store.perceptual_hashes() if context.store is not None and kept else (),
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


def _portions(context: Context, pictures: list[Picture], max_shard: int) -> dict[str, list[Picture]]:
    """Pictures by portion: shards of those that lack a vector of some encoder of the profile, and all others.

    There is one shard at least, empty where no picture lacks any.
    """
    lacking = {picture.sha256 for picture in pictures}
    if context.store is not None:
        identities = sorted(lacking)
        lacking = set()
        for digest in encoder_digests(context.settings).values():
            lacking |= context.store.lacking_vectors(digest, identities)
    todo = [picture for picture in pictures if picture.sha256 in lacking]
    known = [picture for picture in pictures if picture.sha256 not in lacking]
    portions = {f"{number:04d}": part for number, part in enumerate(_cut(todo, max_shard) or [[]])}
    return portions | {f"{KNOWN}{number:04d}": part for number, part in enumerate(_cut(known, max_shard))}


def _cut(pictures: list[Picture], largest: int) -> list[list[Picture]]:
    """As few parts as possible, of like size, in the order of identities.

    The rows of a part are then neighbours in the store's indexes: in any other order, publishing is half as fast once
    the indexes outgrow the caches.
    """
    ordered = sorted(pictures, key=attrgetter("sha256"))
    count = math.ceil(len(ordered) / largest)
    ends = [number * len(ordered) // count for number in range(count + 1)] if count else [0]
    return [ordered[start:end] for start, end in pairwise(ends)]


def surroundings(occurrences: Iterable[Occurrence], sha256s: Iterable[str]) -> dict[str, Surroundings]:
    """What stands around these pictures in all their places."""
    captions: dict[str, dict[str, None]] = defaultdict(dict)
    tags: dict[str, dict[str, str]] = {}
    for occurrence in occurrences:
        if occurrence.sha256:
            captions[occurrence.sha256][" ".join(occurrence.caption.split())] = None
            tags[occurrence.sha256] = {**occurrence.tags, **tags.get(occurrence.sha256, {})}
    return {
        sha256: Surroundings(sha256, "\n".join(filter(None, captions[sha256])), tags.get(sha256, {}))
        for sha256 in sha256s
    }


def _write(
    context: Context,
    outcomes: list[SourceOutcome],
    occurrences: list[Occurrence],
    pictures: list[Picture],
    portions: dict[str, list[Picture]],
) -> None:
    def table(name: str) -> Path:
        return context.volume.table(context.run_id, STEP, name)

    write_rows(table("sources"), SourceOutcome, outcomes)
    write_rows(table("occurrences"), Occurrence, occurrences)
    write_rows(table("pictures"), Picture, pictures)
    around = surroundings(occurrences, (picture.sha256 for picture in pictures))
    for name, members in portions.items():
        write_rows(table(f"{name}.pictures"), Picture, members)
        write_rows(table(f"{name}.surroundings"), Surroundings, (around[picture.sha256] for picture in members))
    filled = [Portion(name, len(members)) for name, members in portions.items() if members]
    write_rows(table("portions"), Portion, filled)
