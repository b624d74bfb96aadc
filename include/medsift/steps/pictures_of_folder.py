"""`classify` and `evaluate`: a run over the picture files of one folder, reported file by file."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Leaf, Occurrence
from medsift.errors import NothingDoneError, UsageError
from medsift.evaluation.manifest import ManifestRow, called_both, without_picture
from medsift.evaluation.metrics import measure, one_sided
from medsift.evaluation.predictions import Prediction
from medsift.evaluation.report import most_wrong, write_results
from medsift.sources.dicom import person_groups
from medsift.sources.folder import links_out, regular_files, shown_name
from medsift.steps.context import Context
from medsift.steps.expand import absolute, failed_leaf, file_leaf, require_folder
from medsift.steps.local import judge_sources
from medsift.steps.operating_point import known_points
from medsift.steps.profile import current_model_set, prompted
from medsift.steps.resources import peak_memory_mb
from medsift.steps.result import CLASSIFY_COLUMNS, RunResult
from medsift.steps.vectors import Vectors
from medsift.steps.voting import gather

PICTURE_KINDS = ("folder", "dicom")
TAUGHT = "{} of these pictures taught the model set in use: of pictures never seen figures would be lower."
LINK = "It is a link out of the folder, which is not followed."


def classify_folder(context: Context, folder: Path) -> tuple[list[str], list[dict[str, Any]], RunResult]:
    """Columns and rows of `medsift classify`: one row a picture, and one for each file that is none.

    Paths are relative to the folder. Raises `UsageError` where the folder is none or holds no file.
    """
    require_folder(folder)
    leaves = [file_leaf(absolute(path)) for path in regular_files(folder)]
    links = map(absolute, links_out(folder))
    leaves += [replace(failed_leaf(str(link), LINK), path=shown_name(str(link))) for link in links]
    if not leaves:
        raise UsageError(f"There is no file in {folder}.")
    result, rows_of = _sorted(context, leaves)
    rows = [{**row, "path": _relative(leaf.source, folder)} for leaf in leaves for row in rows_of[leaf.source]]
    columns, _ = result.rows()
    return [*CLASSIFY_COLUMNS, *columns[len(columns) - _votes(columns) :]], rows, result


def evaluate_folder(
    context: Context, rows: Sequence[ManifestRow], root: Path, out: Path
) -> tuple[dict[str, Any], list[str]]:
    """The metrics of the verdicts on a manifest's pictures, and sentences without which they would be read wrongly.

    Writes metrics.json, predictions.csv and report.html.

    A DICOM file whose source the manifest does not say has its patient for one, else its study, so that intervals are
    drawn by it. Of a file with several frames its first kept one counts. Raises `UsageError` where the root is no
    folder or `out` cannot be written, and, with everything written, `NothingDoneError` where no picture got a verdict.
    """
    require_folder(root)
    begun = time.monotonic()
    leaves = {row.file: file_leaf(absolute(root / row.file)) for row in rows}
    result, rows_of = _sorted(context, list(leaves.values()))
    best = {file: _first_kept(rows_of[leaf.source]) for file, leaf in leaves.items()}
    persons = persons_of_files(result.occurrences)
    predictions = [
        _prediction(row, best[row.file], row.source or persons.get(leaves[row.file].source, "")) for row in rows
    ]
    points = known_points(context.settings)
    metrics = measure(predictions, time.monotonic() - begun, peak_memory_mb(), points)
    shown = [prediction.file for prediction in most_wrong(predictions)]
    thumbnails = {file: context.volume.thumbnail(best[file]["sha256"]).read_bytes() for file in shown}
    notes = [
        *one_sided(predictions),
        *without_picture({number: p.reason for number, p in enumerate(predictions) if p.verdict is None}, rows),
        *called_both((best[row.file]["sha256"], row) for row in rows if best[row.file].get("sha256")),
        *_taught(context, best),
    ]
    write_results(out, predictions, metrics, thumbnails, _vectors(context, best), notes)
    if metrics["undecided"] == metrics["n"]:
        raise NothingDoneError(f"Nothing could be done: {rows[0].file}: {best[rows[0].file]['reason']}")
    return metrics, notes


def _taught(context: Context, best: Mapping[str, Mapping[str, Any]]) -> list[str]:
    model_set = current_model_set(context.settings)
    taught = model_set.held_back() if model_set else {}
    count = sum(row.get("sha256") in taught for row in best.values())
    return [TAUGHT.format(count)] if count else []


def _vectors(context: Context, best: Mapping[str, Mapping[str, Any]]) -> dict[str, NDArray[np.float32]]:
    """By file, the vector that is compared with words."""
    name = prompted(context.settings).encoder
    known = Vectors.joined([(evidence.sha256s, evidence.vectors[name]) for _, evidence, _ in gather(context)])
    identities = {file: str(row.get("sha256")) for file, row in best.items()}
    return {file: known.rows[known.row_of[sha]] for file, sha in identities.items() if sha in known.row_of}


def _sorted(context: Context, leaves: list[Leaf]) -> tuple[RunResult, dict[str, list[dict[str, Any]]]]:
    """Sort those leaves that are pictures; rows by source, and one row that says why not for each other file."""
    pictures = [leaf.source for leaf in leaves if leaf.kind in PICTURE_KINDS]
    result = judge_sources(context, pictures)
    rows_of: dict[str, list[dict[str, Any]]] = defaultdict(list)
    _, rows = result.rows()
    for occurrence, row in zip(result.occurrences, rows, strict=True):
        rows_of[occurrence.source].append(row)
    outcomes = {outcome.source: outcome for outcome in result.sources}
    for leaf in leaves:
        if not rows_of[leaf.source]:
            state, reason = no_picture(leaf)
            if leaf.source in outcomes:
                state, reason = "failed", outcomes[leaf.source].reason
            rows_of[leaf.source].append({"state": state, "reason": reason})
    return result, rows_of


def persons_of_files(occurrences: Iterable[Occurrence]) -> dict[str, str]:
    """Of DICOM files the patient, else the study, where it is known."""
    return {place.source: group for place in occurrences for group in person_groups(place.tags)[:1]}


def no_picture(leaf: Leaf) -> tuple[str, str]:
    """State and reason of a file that is no picture: rejected as such, or failed where it could not be looked at."""
    return "rejected" if leaf.path else "failed", leaf.reason or f"The file is no picture ({leaf.kind})."


def _first_kept(found: list[dict[str, Any]]) -> dict[str, Any]:
    return next((row for row in found if row.get("verdict")), found[0])


def _prediction(row: ManifestRow, best: dict[str, Any], source: str) -> Prediction:
    votes = {name.removeprefix("vote_"): vote for name, vote in best.items() if name.startswith("vote_")}
    return Prediction(
        row.file, row.label, row.kind, source, best["state"], best.get("verdict"), best.get("probability"),
        best.get("confidence"), best.get("kind"), bool(best.get("needs_review")), votes,
        best["reason"],
    )  # fmt: skip


def _votes(columns: list[str]) -> int:
    return sum(name.startswith(("cluster_", "vote_")) for name in columns)


def _relative(source: str, folder: Path) -> str:
    return str(Path(source).relative_to(absolute(folder)))
