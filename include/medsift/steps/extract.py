"""Step `extract`: every picture out of every source of a batch, onto the volume as candidates."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from medsift.contracts import About, Candidate, Leaf, Missed, Occurrence, Place, SourceOutcome, SourceState
from medsift.errors import EmptySourceError, MedsiftError, PictureError, SandboxError, SourceError
from medsift.sandbox import Sandbox
from medsift.sources import KINDS, Tools
from medsift.sources._web.manners import Manners
from medsift.sources.folder import real_path
from medsift.sources.http import Door
from medsift.steps.context import Context, Summary
from medsift.steps.expand import told
from medsift.steps.journal import Journal, digest_of
from medsift.steps.resources import log_rate
from medsift.steps.tables import read_rows, write_rows
from medsift.volume import Volume

log = logging.getLogger(__name__)
STEP = "extract"
QUICK = ("folder",)  # kinds of a single picture file: to read it again costs less than to note that it was read

Extracted = tuple[SourceOutcome, list[Occurrence]]


def leaves_of(context: Context, batch: str | None = None) -> list[Leaf]:
    """The planned leaf sources, of one batch or all."""
    leaves = read_rows(context.volume.table(context.run_id, "plan", "leaves"), Leaf)
    return [leaf for leaf in leaves if batch is None or leaf.batch == batch]


def run(context: Context, batch: str) -> Summary:
    """Extract a batch; leaves `<batch>.sources` and `<batch>.occurrences` (candidates, rejected, failed)."""
    leaves = [leaf for leaf in leaves_of(context, batch) if leaf.state != "unchanged"]
    tables = context.volume.run(context.run_id) / STEP
    journal = Journal(tables / batch, digest_of(leaves, context.settings.public()))

    manners = Manners(context.settings.http_delay_s)

    def do(sandbox: Sandbox, numbered: tuple[int, Leaf]) -> Extracted:
        number, leaf = numbered
        key = f"{number:06d}"
        if leaf.kind in QUICK:
            return _extract_leaf(context, leaf, f"{batch}/{key}", sandbox, manners)
        if not journal.has(key):
            outcome, occurrences = _extract_leaf(context, leaf, f"{batch}/{key}", sandbox, manners)
            journal.record(key, source=(SourceOutcome, [outcome]), occurrences=(Occurrence, occurrences))
        return journal.rows(key, "source", SourceOutcome)[0], journal.rows(key, "occurrences", Occurrence)

    outcomes: list[SourceOutcome] = []
    occurrences: list[Occurrence] = []
    with log_rate(log, STEP, "sources", len(leaves)) as rate:
        for outcome, found in context.workers.map(do, enumerate(leaves)):
            outcomes.append(outcome)
            occurrences += found
            context.progress(STEP, rate.step(), len(leaves))
    journal.finish(lambda: _write(context, batch, outcomes, occurrences))
    return _summary(batch, outcomes, occurrences)


def _write(context: Context, batch: str, outcomes: list[SourceOutcome], occurrences: list[Occurrence]) -> None:
    write_rows(context.volume.table(context.run_id, STEP, f"{batch}.occurrences"), Occurrence, occurrences)
    write_rows(context.volume.table(context.run_id, STEP, f"{batch}.sources"), SourceOutcome, outcomes)


def _summary(batch: str, outcomes: list[SourceOutcome], occurrences: list[Occurrence]) -> Summary:
    for outcome in outcomes:
        if outcome.state not in ("done", "unchanged"):
            log.warning("%s: %s. %s", outcome.state, told(outcome.source), outcome.reason)
    counts = {state: sum(o.state == state for o in outcomes) for state in ("done", "partial", "empty", "failed")}
    log.info("batch %s: %d sources %s, %d pictures found", batch, len(outcomes), counts, len(occurrences))
    return {"batch": batch, "sources": len(outcomes), "found": len(occurrences), **counts}


def _extract_leaf(context: Context, leaf: Leaf, folder: str, sandbox: Sandbox, manners: Manners) -> Extracted:
    """One source: its outcome and occurrences. Nothing a source does may raise out of here but our own faults."""
    collected = _Collected(leaf, context.volume, context.volume.candidates(context.run_id, folder))
    if leaf.state in ("failed", "empty"):
        return collected.outcome(leaf.state, leaf.reason), []
    try:
        door, key = Door(context.settings, manners), context.volume.pseudonym_key()
        tools = Tools(context.settings, sandbox, door, key, context.hides_dicom_paths, _keeper(context))
        with _plainly_named(leaf) as named:
            collected.named = named
            for item in KINDS.get(leaf.kind)().extract(named, tools):
                collected.take(item)
    except EmptySourceError as error:
        return collected.outcome("empty", str(error)), collected.occurrences
    except (SourceError, PictureError, OSError) as error:
        reason = str(error) if isinstance(error, MedsiftError) else f"It cannot be read ({error.strerror or error})."
        state: SourceState = "partial" if collected.occurrences and isinstance(error, SandboxError) else "failed"
        if state == "failed":
            collected.occurrences.clear()
        outcome = collected.outcome(state, reason)
        # Without a digest the next night tries again: what the disk refuses just now it may give then.
        return replace(outcome, digest="") if isinstance(error, OSError) else outcome, collected.occurrences
    return collected.finished(), collected.occurrences


@contextmanager
def _plainly_named(leaf: Leaf) -> Iterator[Leaf]:
    """The leaf with a path that every library opens: where a name is no UTF-8, a link to the file."""
    path = real_path(leaf.path) if leaf.path else None
    if path is None or str(path) == leaf.path:
        yield leaf
        return
    with tempfile.TemporaryDirectory(prefix="medsift-") as folder:
        link = Path(folder) / "source"
        link.symlink_to(path)
        yield replace(leaf, path=str(link))


def _keeper(context: Context) -> Callable[[Path], None]:
    """What keeps documents. Without a store nobody comes back to a picture to ask where it stood."""
    is_kept = context.settings.keep_documents and context.store is not None
    return partial(context.volume.keep_document, extension="pdf") if is_kept else lambda _path: None


class _Collected:
    """What came out of one source so far."""

    def __init__(self, leaf: Leaf, volume: Volume, folder: Path) -> None:
        self.leaf = self.named = leaf
        self.volume = volume
        self.folder = folder
        self.about = About()
        self.occurrences: list[Occurrence] = []
        self.broken_parts: list[str] = []
        shutil.rmtree(folder, ignore_errors=True)

    def take(self, item: Candidate | Missed | About) -> None:
        if isinstance(item, About):
            self.about = item
        elif isinstance(item, Candidate):
            self._keep(item)
        elif item.is_part:
            where = f"page {item.place.page}: " if item.place.page else ""
            self.broken_parts.append(where + item.reason)
        else:
            self._add(item.place, state=item.state, reason=item.reason)

    def _keep(self, candidate: Candidate) -> None:
        path = self.folder / f"{len(self.occurrences):06d}.bin"
        self.volume.put(path, candidate.data)
        relative = str(path.relative_to(self.volume.root))
        self._add(candidate.place, candidate=relative, is_rebuilt=candidate.is_rebuilt)

    def _add(self, place: Place, **values: object) -> None:
        occurrence = Occurrence(
            self.leaf.source, self.leaf.kind, len(self.occurrences), "kept",
            page=place.page, box=place.box, frame=place.frame, url=place.url,
            path=self._path(place), caption=place.caption, nearby=place.nearby, tags=place.tags,
        )  # fmt: skip
        self.occurrences.append(replace(occurrence, **values))  # type: ignore[arg-type]  # fields of Occurrence

    def _path(self, place: Place) -> str | None:
        """The path by which the file is known."""
        if place.path and self.named.path:
            return place.path.replace(self.named.path, self.leaf.source, 1)
        return place.path

    def finished(self) -> SourceOutcome:
        if self.about.is_unchanged:
            return self.outcome("unchanged", "")
        if self.broken_parts:
            shown = "; ".join(self.broken_parts[:3])
            more = f"; and {len(self.broken_parts) - 3} more" if len(self.broken_parts) > 3 else ""
            return self.outcome("partial", shown + more)
        if not self.occurrences:
            return self.outcome("empty", "There is no picture in it.")
        return self.outcome("done", "")

    def outcome(self, state: SourceState, reason: str) -> SourceOutcome:
        about, leaf = self.about, self.leaf
        return SourceOutcome(
            leaf.source, leaf.kind, state, reason, len(self.occurrences),
            digest=about.digest or leaf.digest, etag=about.etag, last_modified=about.last_modified,
            title=about.title, pages=about.pages,
        )  # fmt: skip
