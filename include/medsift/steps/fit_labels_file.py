"""`medsift modelset fit --labels F`: the fit of `refit` on a file of labels and the pictures it names."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from medsift.contracts import MEDICAL, Occurrence, Picture, Surroundings
from medsift.encoders import Floats
from medsift.errors import NothingDoneError, UsageError
from medsift.evaluation.manifest import ManifestRow
from medsift.steps import embed
from medsift.steps.context import Context, Summary
from medsift.steps.expand import absolute
from medsift.steps.labelled import Labelled, Link, labelled, source_of
from medsift.steps.local import find_pictures
from medsift.steps.plan import check_encoders
from medsift.steps.profile import current_model_set
from medsift.steps.refit import fit_and_measure, why_not
from medsift.steps.tables import read_rows
from medsift.steps.vectors import Vectors
from medsift.steps.voting import gather


def fit_labels_file(context: Context, rows: Sequence[ManifestRow], root: Path, date: str) -> Summary:
    """Fit on the manifest's pictures, files under `root`, and keep the set; summary and card as of `refit`.

    Pictures of a `source` of the manifest, or else of a folder, are one group. Of a file with several frames the first
    kept one counts. Raises `UsageError` where the root is no folder, `NothingDoneError` where the labels allow no fit.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder.")
    check_encoders(context.settings)
    for shard in find_pictures(context, [str(absolute(root / row.file)) for row in rows]):
        embed.run(context, shard)
    data, vectors = _labelled(context, rows, root)
    reason = why_not(data, current_model_set(context.settings))
    if reason:
        raise NothingDoneError(reason)
    return fit_and_measure(context, data, {name: known.rows for name, known in vectors.items()}, date)


def _labelled(context: Context, rows: Sequence[ManifestRow], root: Path) -> tuple[Labelled, dict[str, Vectors]]:
    identity = _identities(read_rows(context.volume.table(context.run_id, "shard", "occurrences"), Occurrence))
    pictures = read_rows(context.volume.table(context.run_id, "shard", "pictures"), Picture)
    named = [(identity[name], row) for row in rows if (name := str(absolute(root / row.file))) in identity]
    lots: dict[str, list[tuple[Sequence[str], Floats]]] = {}
    around: dict[str, Surroundings] = {}
    for _, evidence, _ in gather(context):
        for name, values in evidence.vectors.items():
            lots.setdefault(name, []).append((evidence.sha256s, values))
        told = zip(evidence.sha256s, evidence.captions, evidence.tags, strict=True)
        around |= {sha256: Surroundings(sha256, captions, dict(tags)) for sha256, captions, tags in told}
    vectors = {name: Vectors.joined(parts) for name, parts in lots.items()}
    labels = {sha256: row.label == MEDICAL for sha256, row in named}
    return labelled(labels, vectors, around, [*_links(named, root), *_families(pictures)]), vectors


def _identities(occurrences: Iterable[Occurrence]) -> dict[str, str]:
    """Of each source its first picture."""
    first: dict[str, str] = {}
    for occurrence in occurrences:
        if occurrence.sha256:
            first.setdefault(occurrence.source, occurrence.sha256)
    return first


def _links(named: Iterable[tuple[str, ManifestRow]], root: Path) -> Iterator[Link]:
    for sha256, row in named:
        yield sha256, f"source {row.source}" if row.source else source_of(str(absolute(root / row.file)), "folder")


def _families(pictures: Iterable[Picture]) -> Iterator[Link]:
    for picture in pictures:
        yield picture.sha256, picture.near_duplicate_of or picture.sha256
