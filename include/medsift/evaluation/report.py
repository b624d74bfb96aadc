"""What `medsift evaluate` leaves: metrics.json, predictions.csv and report.html."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import MEDICAL, NON_MEDICAL
from medsift.errors import UsageError
from medsift.evaluation.ablation import Ablation
from medsift.evaluation.calibration import reliability
from medsift.evaluation.html import environment
from medsift.evaluation.metrics import UNDECIDED, decided, drawn_over, intervals, one_sided
from medsift.evaluation.plots import coverage, histogram, least_shown, roc, vector_map
from medsift.evaluation.predictions import Prediction, predictions_csv
from medsift.volume import write_atomically

MOST_WRONG = 24
LABELS = (MEDICAL, NON_MEDICAL)

Vectors = Mapping[str, NDArray[np.float32]]


def write_results(
    out: Path,
    predictions: Sequence[Prediction],
    metrics: Mapping[str, Any],
    thumbnails: Mapping[str, bytes] | None = None,
    vectors: Vectors | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write the three files into `out`; by `file` of a prediction `thumbnails` are WebP bytes, `vectors` (d,).

    `notes` are sentences without which the figures would be read wrongly.

    Raises `UsageError` where the folder cannot be written.
    """
    _write(
        out,
        {
            "metrics.json": _json(metrics),
            "predictions.csv": predictions_csv(predictions),
            "report.html": evaluation_html(predictions, metrics, thumbnails or {}, vectors or {}, notes=notes),
        },
    )


def write_ablation(
    out: Path,
    ablation: Ablation,
    predictions: Sequence[Prediction],
    metrics: Mapping[str, Any],
    thumbnails: Mapping[str, bytes],
    vectors: Vectors,
) -> None:
    """Write ablation.json, ablation.csv and report.html; predictions and all that follows are of the ensemble.

    Raises `UsageError` where the folder cannot be written.
    """
    notes = one_sided(predictions)
    page = evaluation_html(predictions, metrics, thumbnails, vectors, ablation=ablation, notes=notes)
    _write_ablation(out, ablation, page)


def write_unheaded_ablation(out: Path, ablation: Ablation, reason: str) -> None:
    """The same three files where the ensemble was not measured for that reason: what was stands in the tables alone.

    Raises `UsageError` where the folder cannot be written.
    """
    page = environment().get_template("unheaded.html.jinja").render(ablation=ablation, reason=reason)
    _write_ablation(out, ablation, page)


def _write_ablation(out: Path, ablation: Ablation, page: str) -> None:
    document = _json(ablation.as_json())
    _write(out, {"ablation.json": document, "ablation.csv": ablation.as_csv(), "report.html": page})


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write(out: Path, files: Mapping[str, str]) -> None:
    try:
        for name, text in files.items():
            write_atomically(out / name, text.encode("utf-8"))
    except OSError as error:
        raise UsageError(f"The results cannot be written to {out}: {error.strerror}.") from error


def evaluation_html(
    predictions: Sequence[Prediction],
    metrics: Mapping[str, Any],
    thumbnails: Mapping[str, bytes],
    vectors: Vectors,
    *,
    ablation: Ablation | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The report as one page that needs no other file: figures, tables, plots, the worst mistakes."""
    return environment().get_template("evaluation.html.jinja").render(
        metrics=metrics,
        notes=notes,
        intervals=intervals(predictions),
        drawn_over=drawn_over(predictions),
        confusion=_confusion(predictions),
        bins=reliability(*decided(predictions)),
        least_shown=least_shown(predictions),
        roc=roc(predictions),
        coverage=coverage(predictions),
        bars=histogram(predictions),
        map=vector_map(predictions, vectors),
        wrong=most_wrong(predictions),
        wrong_total=sum(not prediction.is_right for prediction in predictions),
        undecided=[prediction for prediction in predictions if prediction.verdict is None],
        thumbnails=thumbnails,
        labels=LABELS,
        answers=(*LABELS, UNDECIDED),
        ablation=ablation,
    )  # fmt: skip


def most_wrong(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Wrong verdicts, the most confident first, at most 24."""
    wrong = [prediction for prediction in predictions if prediction.verdict and not prediction.is_right]
    return sorted(wrong, key=lambda prediction: (-(prediction.confidence or 0), prediction.file))[:MOST_WRONG]


def _confusion(predictions: Sequence[Prediction]) -> Counter[tuple[str, str]]:
    return Counter((prediction.label, prediction.verdict or UNDECIDED) for prediction in predictions)
