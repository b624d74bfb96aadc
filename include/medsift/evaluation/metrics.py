"""The figures of `medsift evaluate`: what `metrics.json` holds.

A picture without a verdict is wrong wherever right and wrong are counted, and a missed one where it is medical.
Figures that the pictures do not define (AUC of one class) are None.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import MEDICAL
from medsift.evaluation.calibration import Flags, Floats, calibration_error
from medsift.evaluation.intervals import source_interval
from medsift.evaluation.predictions import Prediction, voter_names
from medsift.modelsets.operating_points import EVEN, OperatingPoint, measured_point

UNDECIDED = "undecided"
INTERVALS = ("accuracy", "balanced_accuracy", "ece")  # figures that have one


def measure(
    predictions: Sequence[Prediction], seconds: float, peak_mb: float, points: Sequence[OperatingPoint] = ()
) -> dict[str, Any]:
    """All figures of a manifest; `seconds` and `peak_mb` are of the run that gave the verdicts.

    `points` are the operating points of the model set: what their thresholds give on these pictures.
    """
    return {
        "n": len(predictions),
        "undecided": sum(prediction.verdict is None for prediction in predictions),
        **_of_verdicts(predictions),
        "auc": _auc(predictions),
        "ece": calibration_error(*decided(predictions)),
        "review_rate": _share(prediction.needs_review for prediction in predictions),
        "accuracy_at_85": accuracy_at(0.85, predictions),
        "kind_macro_f1": _kind_macro_f1(predictions),
        "peak_mb": peak_mb,
        "by_kind": _by(lambda prediction: prediction.kind, predictions),
        "by_source": _by(lambda prediction: prediction.source, predictions),
        "voters": {voter: _of_voter(voter, predictions) for voter in voter_names(predictions)},
        "seconds": seconds,
        "pictures_per_second": len(predictions) / seconds if seconds > 0 else None,
        "operating_points": _operating_points(predictions, points),
    }


def intervals(
    predictions: Sequence[Prediction], names: Sequence[str] = INTERVALS
) -> dict[str, tuple[float, float] | None]:
    """95 % intervals by source of the named figures of `INTERVALS`; a picture without source is its own."""
    is_right = right(predictions)
    is_medical = np.array([prediction.label == MEDICAL for prediction in predictions], dtype=bool)
    has_verdict = np.array([prediction.verdict is not None for prediction in predictions], dtype=bool)
    confidences = np.array([prediction.confidence or 0.0 for prediction in predictions])

    def ece(rows: NDArray[np.intp]) -> float | None:
        rows = rows[has_verdict[rows]]
        return calibration_error(confidences[rows], is_right[rows])

    def balanced(rows: NDArray[np.intp]) -> float | None:
        """Not defined for a round of one side, unless there is no other."""
        is_partial = len(np.unique(is_medical[rows])) < len(np.unique(is_medical))
        return None if is_partial else _balanced(is_right[rows], is_medical[rows])

    statistics: dict[str, Callable[[NDArray[np.intp]], float | None]] = {
        "accuracy": lambda rows: float(is_right[rows].mean()),
        "balanced_accuracy": balanced,
        "ece": ece,
    }
    sources = [prediction.source or f"\0{row}" for row, prediction in enumerate(predictions)]
    return {name: source_interval(statistics[name], sources) for name in names}


def drawn_over(predictions: Sequence[Prediction]) -> str:
    """What `intervals` are drawn over, in words."""
    named, without = {p.source for p in predictions if p.source}, sum(not p.source for p in predictions)
    if not named:
        return "single pictures, as no source is named: sources never seen vary more"
    rest = f"; the {without} pictures without one count as their own" if without else ""
    return f"{len(named) + without} sources{rest}"


def one_sided(predictions: Sequence[Prediction]) -> list[str]:
    """A sentence where all pictures have one label: its recall is what stands for the balanced accuracy."""
    labels = {prediction.label for prediction in predictions}
    if len(labels) != 1:
        return []
    (label,) = labels
    return [f"Only {label} pictures are labelled: balanced accuracy is the recall of {label}."]


def right(predictions: Sequence[Prediction]) -> Flags:
    """For each picture whether its verdict is its label."""
    return np.array([prediction.is_right for prediction in predictions], dtype=bool)


def decided(predictions: Sequence[Prediction]) -> tuple[Floats, Flags]:
    """Confidence and rightness of the pictures that have a verdict."""
    with_verdict = [prediction for prediction in predictions if prediction.verdict is not None]
    return np.array([prediction.confidence for prediction in with_verdict], dtype=np.float64), right(with_verdict)


def accuracy_at(share: float, predictions: Sequence[Prediction]) -> float | None:
    """Share that is right among the most confident `share` (rounded up to whole pictures); None for no picture.

    Of pictures equally confident, of which only some fit in, each counts with its chance of being among them.
    """
    if not predictions:
        return None
    confidences = np.array([prediction.confidence or 0.0 for prediction in predictions])
    is_right = right(predictions)
    room = int(np.ceil(round(share * len(predictions), 9)))
    edge = np.sort(confidences)[::-1][room - 1]
    above, at_edge = confidences > edge, confidences == edge
    return float((is_right[above].sum() + is_right[at_edge].mean() * (room - above.sum())) / room)


def _of_verdicts(predictions: Sequence[Prediction]) -> dict[str, float | None]:
    from sklearn.metrics import f1_score, precision_score, recall_score

    truth = np.array([prediction.label for prediction in predictions], dtype=object)
    said = np.array([prediction.verdict or UNDECIDED for prediction in predictions], dtype=object)
    is_medical, said_medical = truth == MEDICAL, said == MEDICAL
    scores = (("precision", precision_score), ("recall", recall_score), ("f1", f1_score))
    return {
        "balanced_accuracy": _balanced(truth == said, is_medical),
        "accuracy": _share(truth == said),
        **{name: _defined(score(is_medical, said_medical, zero_division=np.nan)) for name, score in scores},
    }


def _balanced(is_right: Flags, is_medical: Flags) -> float | None:
    # Not scikit-learn's: it warns where one label is absent, and thousands of bootstrap rounds want it quick.
    recalls = [is_right[of_label].mean() for of_label in (is_medical, ~is_medical) if of_label.any()]
    return float(np.mean(recalls)) if recalls else None


def _auc(predictions: Sequence[Prediction]) -> float | None:
    """Area under the ROC curve; a picture without a verdict ranks on the wrong side of all others."""
    ranks = [rank(prediction) for prediction in predictions]
    return _area([prediction.label == MEDICAL for prediction in predictions], ranks)


def rank(prediction: Prediction) -> float:
    """P(medical); without a verdict less, or more, than any other picture's, so that it ranks on the wrong side."""
    if prediction.probability is None:
        return -1.0 if prediction.label == MEDICAL else 2.0
    return prediction.probability


def _operating_points(
    predictions: Sequence[Prediction], points: Sequence[OperatingPoint]
) -> list[dict[str, float | None]]:
    """First 0.5, from which medical is called where no recall is asked for; none where the set has no points."""
    # Without a verdict a picture is called nothing, so also not medical.
    said = [-1.0 if prediction.probability is None else prediction.probability for prediction in predictions]
    ranks = np.array(said, dtype=np.float64)
    is_medical = np.array([prediction.label == MEDICAL for prediction in predictions], dtype=bool)
    thresholds = [(None, EVEN), *((point.asked, point.threshold) for point in points)] if points else []
    return [asdict(measured_point(asked, threshold, ranks, is_medical)) for asked, threshold in thresholds]


def _area(is_medical: Sequence[bool], ranks: Sequence[float]) -> float | None:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_medical, ranks)) if len(set(is_medical)) == 2 else None


def _kind_macro_f1(predictions: Sequence[Prediction]) -> float | None:
    """F1 of naming the kind, the mean over all kinds of the manifest; pictures of unknown kind are left out."""
    from sklearn.metrics import f1_score

    known = [prediction for prediction in predictions if prediction.kind]
    if not known:
        return None
    truth = [prediction.kind for prediction in known]
    said = [prediction.predicted_kind or UNDECIDED for prediction in known]
    return float(f1_score(truth, said, labels=sorted(set(truth)), average="macro", zero_division=0))


def _by(name_of: Callable[[Prediction], str], predictions: Sequence[Prediction]) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[bool]] = {}
    for prediction in predictions:
        if name := name_of(prediction):
            groups.setdefault(name, []).append(prediction.is_right)
    return {name: {"n": len(groups[name]), "accuracy": _share(groups[name])} for name in sorted(groups)}


def _of_voter(voter: str, predictions: Sequence[Prediction]) -> Mapping[str, float | int | None]:
    """A voter alone, over the pictures it voted on, at P(medical) = 0.5."""
    votes = [(p.label == MEDICAL, vote) for p in predictions if (vote := p.votes.get(voter)) is not None]
    is_medical = np.array([label for label, _ in votes], dtype=bool)
    is_right = np.array([(vote >= 0.5) == label for label, vote in votes], dtype=bool)
    return {
        "n": len(votes),
        "abstained": len(predictions) - len(votes),
        "accuracy": _share(is_right),
        "balanced_accuracy": _balanced(is_right, is_medical),
        "auc": _area([label for label, _ in votes], [vote for _, vote in votes]),
    }


def _share(flags: Iterable[bool]) -> float | None:
    values = [bool(flag) for flag in flags]  # numpy's become Python's, so that the figure is ready for JSON
    return sum(values) / len(values) if values else None


def _defined(value: float) -> float | None:
    return None if isnan(value) else float(value)
