"""What the plots of a report show."""

from itertools import pairwise

import numpy as np
import pytest

from medsift.evaluation.plots import MOST_MAPPED, coverage, histogram, roc, vector_map
from medsift.evaluation.predictions import Prediction


def prediction(number, label, probability):
    verdict = "medical" if probability >= 0.5 else "non-medical"
    confidence = max(probability, 1 - probability)
    return Prediction(f"{number}", label, verdict=verdict, probability=probability, confidence=confidence)


def some(count=40):
    draw = np.random.default_rng(0)
    labels = ["medical", "non-medical"] * (count // 2)
    return [prediction(i, label, float(draw.random())) for i, label in enumerate(labels)]


def test_the_roc_curve_rises_from_one_corner_to_the_other():
    points = roc(some())
    assert (points[0], points[-1]) == ((0, 0), (1, 1))
    assert all(x <= z and y <= w for (x, y), (z, w) in pairwise(points))


def test_a_perfect_ranking_passes_the_upper_left_corner():
    assert (0.0, 1.0) in roc([prediction(0, "medical", 0.9), prediction(1, "non-medical", 0.1)])


@pytest.mark.parametrize("label", ["medical", "non-medical"])
def test_labels_of_one_class_have_no_roc_curve(label):
    assert roc([prediction(0, label, 0.9), prediction(1, label, 0.1)]) == []


def test_a_picture_without_verdict_counts_against_the_curve():
    known = [prediction(0, "medical", 0.9), prediction(1, "non-medical", 0.1)]
    assert (0.0, 1.0) not in roc([*known, Prediction("2", "medical", "", "", "failed")])


def test_every_verdict_is_in_one_bar_of_the_histogram():
    predictions = [*some(), prediction(99, "medical", 1.0), prediction(98, "medical", 0.5), Prediction("u", "medical")]
    bars = histogram(predictions)
    assert sum(bar.n for bar in bars) == 42
    assert sum(bar.right for bar in bars) == sum(p.is_right for p in predictions)
    assert (bars[0].low, bars[-1].high) == (0.5, 1.0)


def test_the_histogram_begins_at_0_where_an_operating_point_called_the_less_likely_side():
    bold = Prediction("b", "medical", verdict="medical", probability=0.2, confidence=0.2)
    bars = histogram([*some(), bold])
    assert (bars[0].low, bars[2].low, bars[2].n, sum(bar.n for bar in bars)) == (0.0, pytest.approx(0.2), 1, 41)


def test_coverage_does_not_hang_on_the_order_of_pictures_equally_confident():
    right, wrong = (Prediction("a", label, verdict="medical", confidence=0.9) for label in ("medical", "non-medical"))
    assert coverage([right, wrong, wrong, right]) == coverage([wrong, wrong, right, right])


def test_coverage_ends_at_the_accuracy_of_all():
    predictions = some()
    accuracy = np.mean([p.is_right for p in predictions])
    assert coverage(predictions)[-1] == pytest.approx((1, max(0, 2 * accuracy - 1)))
    assert coverage([]) == []


def vectors_of(predictions, rows):
    return {p.file: row for p, row in zip(predictions, rows.astype(np.float32), strict=True)}


def test_pictures_that_are_alike_lie_together_on_the_map():
    predictions = [prediction(i, "medical", 0.9) for i in range(80)]
    draw = np.random.default_rng(0)
    rows = draw.normal(0, 0.05, (80, 16))
    rows[:40, 0] += 1
    rows[40:, 1] += 1
    made = vector_map(predictions, vectors_of(predictions, rows))
    places = np.array([(dot.x, dot.y) for dot in made.dots])
    assert made.method == "t-SNE"
    assert places.min() >= 0
    assert places.max() <= 1
    apart = np.linalg.norm(places[:40].mean(axis=0) - places[40:].mean(axis=0))
    assert apart > 2 * places[:40].std()


def test_many_pictures_are_shown_in_part_and_few_by_their_principal_components():
    many = [prediction(i, "medical", 0.9) for i in range(MOST_MAPPED + 300)]
    rows = np.tile(np.eye(4), (len(many) // 4, 1))
    made = vector_map(many, vectors_of(many, rows))
    assert (len(made.dots), made.total, made.method) == (MOST_MAPPED, len(many), "principal components")


def test_identical_vectors_and_single_pictures_have_a_map_or_none():
    predictions = some(10)
    made = vector_map(predictions, vectors_of(predictions, np.ones((10, 4))))
    assert {(dot.x, dot.y) for dot in made.dots} == {(0.5, 0.5)}
    assert vector_map(predictions[:1], vectors_of(predictions[:1], np.ones((1, 4)))) is None
    assert vector_map(predictions, {}) is None
