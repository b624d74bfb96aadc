"""What the plots of a report show, as points of the unit square; the template draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import MEDICAL
from medsift.evaluation.metrics import decided, rank, right
from medsift.evaluation.predictions import Prediction
from medsift.modelsets.operating_points import EVEN

MOST_POINTS = 200  # of a line
BARS = 10  # of the histogram
MOST_MAPPED = 800  # t-SNE of so many takes some four seconds of one core
LEAST_MAPPED = 30  # fewer distinct vectors are shown by their principal components
COMPONENTS = 50
SEED = 42

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Bar:
    """Pictures with a confidence from `low` to `high`, and how many of them are right."""

    low: float
    high: float
    n: int
    right: int


@dataclass(frozen=True)
class Dot:
    """A picture on the map; x and y from 0 to 1."""

    x: float
    y: float
    is_medical: bool
    is_right: bool
    title: str


@dataclass(frozen=True)
class Map:
    """Pictures whose vectors are alike lie close together; `method` says by what, `total` how many there were."""

    dots: Sequence[Dot]
    method: str
    total: int


def roc(predictions: Sequence[Prediction]) -> Points:
    """Share of other pictures called medical against share of medical ones; none where one class is missing.

    A picture without a verdict ranks on the wrong side of all others.
    """
    is_medical = np.array([prediction.label == MEDICAL for prediction in predictions], dtype=bool)
    if not is_medical.any() or is_medical.all():
        return []
    from sklearn.metrics import roc_curve

    false_rate, true_rate, _ = roc_curve(is_medical, [rank(prediction) for prediction in predictions])
    return _thinned(false_rate, true_rate)


def coverage(predictions: Sequence[Prediction]) -> Points:
    """Share of the pictures, the most confident first, against the share of them that is right.

    The right share is drawn from 0.5 (bottom, 0) to 1 (top, 1). Pictures equally confident count as their mean.
    """
    if not predictions:
        return []
    confidences = [-(prediction.confidence or 0.0) for prediction in predictions]
    _, rank_of, ties = np.unique(confidences, return_inverse=True, return_counts=True)
    is_right = (np.bincount(rank_of, weights=right(predictions)) / ties)[rank_of]
    kept = np.arange(1, len(predictions) + 1)
    accuracy = np.cumsum(is_right[np.argsort(rank_of, kind="stable")]) / kept
    return _thinned(kept / len(kept), np.clip(accuracy * 2 - 1, 0, 1))


def least_shown(predictions: Sequence[Prediction]) -> float:
    """Where axes of confidence begin: 0.5, or 0 where an operating point called a side that is the less likely one."""
    confidences, _ = decided(predictions)
    return 0.0 if (confidences < EVEN).any() else EVEN


def histogram(predictions: Sequence[Prediction]) -> list[Bar]:
    """Verdicts by confidence, up to 1."""
    confidences, is_right = decided(predictions)
    edges = np.linspace(least_shown(predictions), 1.0, BARS + 1)
    bar_of = np.clip(np.digitize(confidences, edges) - 1, 0, BARS - 1)
    counts = np.bincount(bar_of, minlength=BARS)
    hits = np.bincount(bar_of, weights=is_right, minlength=BARS).astype(int)
    return [Bar(float(edges[i]), float(edges[i + 1]), int(counts[i]), int(hits[i])) for i in range(BARS)]


def vector_map(predictions: Sequence[Prediction], vectors: Mapping[str, NDArray[np.float32]]) -> Map | None:
    """The map of those pictures that have a vector (by `file`); None for fewer than three.

    t-SNE (van der Maaten and Hinton 2008) over 50 principal components, of 800 pictures at most, taken evenly.
    """
    known = [prediction for prediction in predictions if prediction.file in vectors]
    if len(known) < 3:
        return None
    step = max(1, len(known) // MOST_MAPPED)
    shown = known[::step][:MOST_MAPPED]
    placed, method = _projected(np.stack([vectors[prediction.file] for prediction in shown]).astype(np.float64))
    dots = [
        Dot(float(x), float(y), prediction.label == MEDICAL, prediction.is_right, prediction.file)
        for (x, y), prediction in zip(placed, shown, strict=True)
    ]
    return Map(dots, method, len(known))


def _projected(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
    """Places in the unit square, (n, 2), and the method's name."""
    centred = vectors - vectors.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    components = (left * values)[:, :COMPONENTS]
    if len(np.unique(vectors, axis=0)) < LEAST_MAPPED:
        return _into_unit_square(components[:, :2]), "principal components"
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # for so few points, threads that wait for one another take most of the time
        return _into_unit_square(TSNE(random_state=SEED, init="pca").fit_transform(components)), "t-SNE"


def _into_unit_square(points: NDArray[np.float64]) -> NDArray[np.float64]:
    if points.shape[1] < 2:
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    placed: NDArray[np.float64] = np.where(extent > 0, (points - low) / np.where(extent > 0, extent, 1), 0.5)
    return placed


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    chosen = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).astype(int))
    return [(float(x[i]), float(y[i])) for i in chosen]
