"""Step `preprocess`: candidates are decoded safely, judged, digested and stored as pictures."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from medsift.contracts import Occurrence, Picture
from medsift.errors import PictureError
from medsift.pictures.preparing import Job, Prepared, Rules, prepare_all
from medsift.settings import Settings
from medsift.sources.folder import FolderSource
from medsift.steps import extract
from medsift.steps.context import Context, Summary
from medsift.steps.expand import told
from medsift.steps.resources import log_rate
from medsift.steps.result import where
from medsift.steps.tables import read_rows, write_rows
from medsift.volume import sha256_of_file

log = logging.getLogger(__name__)
STEP = "preprocess"
LARGE_COPY_PX = 2000
DEFAULT_MIN_SIDE = 16


def run(context: Context, batch: str) -> Summary:
    """Prepare the candidates of a batch; leaves `<batch>.occurrences` and `<batch>.pictures`, files on the volume.

    Storing is by content address, so that a retry writes nothing twice.
    """
    found = _extracted(context, batch)
    pictures: dict[str, Picture] = {}
    occurrences: list[Occurrence] = []
    with log_rate(log, STEP, "pictures", len(found)) as rate:
        for occurrence, prepared in _prepared(context, found):
            occurrences.append(_judged(occurrence, prepared))
            if prepared and prepared.state == "kept" and prepared.sha256 not in pictures:
                pictures[prepared.sha256] = _store(context, prepared)
            context.progress(STEP, rate.step(), len(found))
    write_rows(context.volume.table(context.run_id, STEP, f"{batch}.pictures"), Picture, pictures.values())
    write_rows(context.volume.table(context.run_id, STEP, f"{batch}.occurrences"), Occurrence, occurrences)
    return _summary(batch, occurrences)


def check_file(context: Context, path: Path) -> None:
    """Raise `PictureError` with the reason for which a run would not keep a picture file as it is."""
    job = Job(path, is_rebuilt=False, min_side=_min_side(context.settings, FolderSource.name))
    (prepared,) = prepare_all(context.workers, [job], _rules(context.settings))
    if prepared.state != "kept":
        raise PictureError(prepared.reason, prepared.state)


def _extracted(context: Context, batch: str) -> list[Occurrence]:
    """What `extract` left; where its candidates went with the end of the run, they are extracted anew.

    Else a task that is cleared later on would find every picture unreadable, and publish that.
    """
    table = context.volume.table(context.run_id, extract.STEP, f"{batch}.occurrences")
    found = read_rows(table, Occurrence)
    if all((context.volume.root / occurrence.candidate).exists() for occurrence in found if occurrence.candidate):
        return found
    log.info("batch %s: its candidates are gone, so that it is extracted anew", batch)
    extract.run(context, batch)
    return read_rows(table, Occurrence)


def _prepared(context: Context, found: list[Occurrence]) -> Iterator[tuple[Occurrence, Prepared | None]]:
    """Each occurrence with what became of its candidate; None where extraction gave none."""
    settings = context.settings
    jobs = [
        Job(
            context.volume.root / occurrence.candidate,
            occurrence.is_rebuilt,
            _min_side(settings, _size_kind(occurrence)),
        )
        for occurrence in found
        if occurrence.candidate
    ]
    done = prepare_all(context.workers, jobs, _rules(settings))
    for occurrence in found:
        yield occurrence, next(done) if occurrence.candidate else None


def _size_kind(occurrence: Occurrence) -> str:
    """A PDF or DICOM file behind an address or in an archive is judged as what it is, an archive as a folder."""
    if occurrence.page is not None:
        return "pdf"
    if occurrence.tags:
        return "dicom"
    return "folder" if occurrence.kind == "archive" else occurrence.kind


def _min_side(settings: Settings, kind: str) -> int:
    return settings.min_image_size.get(kind, DEFAULT_MIN_SIDE)


def _rules(settings: Settings) -> Rules:
    copy_max_px = LARGE_COPY_PX if settings.compress_large_copies else 0
    return Rules(settings.max_aspect_ratio, settings.max_pixels, copy_max_px, settings.pdf_quality)


def _judged(occurrence: Occurrence, prepared: Prepared | None) -> Occurrence:
    occurrence = replace(occurrence, candidate=None)
    if prepared is None:
        return occurrence
    if prepared.state == "kept":
        return replace(occurrence, sha256=prepared.sha256)
    return replace(occurrence, state=prepared.state, reason=prepared.reason)


def _store(context: Context, prepared: Prepared) -> Picture:
    target = context.volume.picture(prepared.sha256, prepared.extension)
    data = prepared.job.path.read_bytes() if prepared.stored is None else prepared.stored
    context.volume.put(target, data)
    context.volume.put(context.volume.thumbnail(prepared.sha256), prepared.thumbnail)
    return Picture(
        prepared.sha256, prepared.width, prepared.height, prepared.extension,
        stored_sha256=sha256_of_file(target), stored_bytes=len(data), perceptual_hash=prepared.perceptual_hash,
    )  # fmt: skip


def _summary(batch: str, occurrences: list[Occurrence]) -> Summary:
    states = Counter(occurrence.state for occurrence in occurrences)
    reasons = Counter(o.reason for o in occurrences if o.state in ("rejected", "failed"))
    first = {o.reason: f"{told(o.source)} {told(where(o))}".strip() for o in reversed(occurrences) if o.reason}
    for reason, count in reasons.most_common(10):
        log.info("not kept: %d x %s (first: %s)", count, reason, first[reason])
    log.info("batch %s: %d kept, %d rejected, %d failed", batch, states["kept"], states["rejected"], states["failed"])
    return {"batch": batch, **{state: states[state] for state in ("kept", "rejected", "failed")}}
