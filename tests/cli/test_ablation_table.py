"""What `medsift ablate` prints."""

from medsift.cli._ablation import show_ablation
from medsift.evaluation.ablation import Ablation, Cost, measured, not_measured
from medsift.evaluation.predictions import Prediction

PREDICTIONS = [
    Prediction("a", "medical", source="s", verdict="medical", probability=0.9, confidence=0.9),
    Prediction("b", "non-medical", source="t", verdict="non-medical", probability=0.2, confidence=0.8),
    Prediction("c", "medical", source="u"),
]


def test_a_line_a_variation_then_notes_and_what_fills_the_gaps(capsys):
    rows = [
        measured("voters", "zero_shot", "lite", "lite", PREDICTIONS, Cost(41.6, 1017.2)),
        not_measured("voters", "zero_shot", "clip", "clip", "weights not available", "medsift weights fetch this"),
        not_measured("clusters", "K=128", "lite", "lite", "too few pictures"),
    ]
    show_ablation(Ablation(3, 2, rows, ["A note."]))
    shown = capsys.readouterr().out.splitlines()
    figures = next(line for line in shown if line.startswith("lite: zero_shot")).split()
    assert figures[2] == "0.750"
    assert figures[-3:] == ["1", "41.6", "1017"]  # one without a verdict
    assert any(line.split() == ["clip:", "zero_shot", "not", "measured"] for line in shown)
    assert shown[-3:] == [
        "A note.",
        "Not measured: weights not available. Filled by: medsift weights fetch this; then the same again.",
        "Not measured: too few pictures.",
    ]
