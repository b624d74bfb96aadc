"""`medsift modelset fit --labels F`: the fit of `refit` on a file of labels and the pictures it names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from medsift.contracts import MEDICAL, Occurrence, Picture, Surroundings
from medsift.encoders import Floats
from medsift.errors import NothingDoneError, UsageError
from medsift.evaluation.manifest import ManifestRow, NamedRow, contradictions
from medsift.steps import embed
from medsift.steps.context import Context, Summary
from medsift.steps.expand import absolute, require_folder
from medsift.steps.label_files import kind_told
from medsift.steps.labelled import Labelled, Link, Standing, joining, labelled, shared, source_of
from medsift.steps.local import find_pictures
from medsift.steps.plan import check_encoders
from medsift.steps.profile import current_model_set, encoder_digests
from medsift.steps.refit import fit_and_measure, why_not
from medsift.steps.tables import read_rows
from medsift.steps.vectors import Vectors
from medsift.steps.voting import gather


def fit_labels_file(context: Context, rows: Sequence[ManifestRow], root: Path, date: str) -> Summary:
    """Fit on the manifest's pictures, files under `root`, and keep the set; summary and card as of `refit`.

    Pictures of a `source` of the manifest, of a DICOM study, or else of a folder, are one group. Of a file with several
    frames the first kept one counts. Raises `UsageError` where the root is no folder or a picture has both labels,
    `NothingDoneError` where the labels allow no fit.
    """
    require_folder(root)
    check_encoders(context.settings)
    for shard in find_pictures(context, [str(absolute(root / row.file)) for row in rows]):
        embed.run(context, shard)
    named = _named(context, rows, root)
    data, vectors = _labelled(context, named, root)
    without = _without_picture(rows, named)
    reason = why_not(data, current_model_set(context.settings))
    if reason:
        raise NothingDoneError(reason + without)
    summary = fit_and_measure(context, data, {name: known.rows for name, known in vectors.items()}, date)
    return summary | {"sentence": summary["sentence"] + without}


def _named(context: Context, rows: Sequence[ManifestRow], root: Path) -> list[NamedRow]:
    """The rows whose files gave a picture, with its identity; raises `UsageError` where one is called both."""
    identity = _identities(read_rows(context.volume.table(context.run_id, "shard", "occurrences"), Occurrence))
    named = [(identity[name], row) for row in rows if (name := str(absolute(root / row.file))) in identity]
    if contradiction := next(contradictions(named), ""):
        raise UsageError(contradiction, "Leave one of the two rows.")
    return named


def _without_picture(rows: Sequence[ManifestRow], named: Sequence[NamedRow]) -> str:
    """A sentence on files that gave none; empty where all did."""
    found = {row.file for _, row in named}
    lacking = [row.file for row in rows if row.file not in found]
    return f" {len(lacking)} of the {len(rows)} files gave no picture, at first {lacking[0]}." if lacking else ""


def _labelled(context: Context, named: Sequence[NamedRow], root: Path) -> tuple[Labelled, dict[str, Vectors]]:
    pictures = read_rows(context.volume.table(context.run_id, "shard", "pictures"), Picture)
    lots: dict[str, list[tuple[Sequence[str], Floats]]] = {name: [] for name in encoder_digests(context.settings)}
    around: dict[str, Surroundings] = {}
    for _, evidence, _ in gather(context):
        for name, values in evidence.vectors.items():
            lots[name].append((evidence.sha256s, values))
        told = zip(evidence.sha256s, evidence.captions, evidence.tags, strict=True)
        around |= {sha256: Surroundings(sha256, captions, dict(tags)) for sha256, captions, tags in told}
    vectors = {name: Vectors.joined(parts) for name, parts in lots.items()}
    labels = {sha256: (row.label == MEDICAL, kind_told(row.file, row.kind)) for sha256, row in named}
    links = joining(*shared(standing(named, root, around)), _families(pictures))
    return labelled(labels, vectors, around, links), vectors


def _identities(occurrences: Iterable[Occurrence]) -> dict[str, str]:
    """Of each source its first picture."""
    first: dict[str, str] = {}
    for occurrence in occurrences:
        if occurrence.sha256:
            first.setdefault(occurrence.source, occurrence.sha256)
    return first


def standing(named: Iterable[NamedRow], root: Path, around: Mapping[str, Surroundings]) -> Iterator[Standing]:
    """Where the pictures stand: their folders, and the sources that the file tells."""
    for sha256, row in named:
        tags = around[sha256].tags if sha256 in around else {}
        folder = source_of(str(absolute(root / row.file)), "folder")
        yield Standing(sha256, tags, folder, f"source {row.source}" if row.source else "")


def _families(pictures: Iterable[Picture]) -> Iterator[Link]:
    for picture in pictures:
        yield picture.sha256, picture.near_duplicate_of or picture.sha256
