"""README's comparison: judged on folds by sets that saw none of the source, and written by a script."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medsift.prompts import load_prompts
from medsift.settings import shipped

ROOT = Path(__file__).parents[2]
EMPTY = "a\n<!-- comparison: made by tools/write_tables.py -->\nold\n<!-- end of comparison -->\nb"
KINDS = {"medical": "ct", "non-medical": "photo"}


@pytest.fixture
def training(monkeypatch):
    """The modules of tools/alignment, which fit few clusters only."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from alignment import comparison, crossval, fit

    monkeypatch.setattr("alignment.build.CLUSTERS", 4)
    return comparison, crossval, fit


@pytest.fixture
def data(training):
    """48 pictures of four sources; features of medical ones lie apart from those of others."""
    from alignment.captions import Captions

    draw = np.random.default_rng(5)
    labels = ["medical", "non-medical"] * 24
    rows = pd.DataFrame(
        {
            "file": [f"{number}.jpg" for number in range(48)],
            "label": labels,
            "kind": [KINDS[label] for label in labels],
            "source": [f"s{number // 2 % 4}" for number in range(48)],
            "counts": 1.0,
        }
    )
    features = draw.normal(0, 1, (48, 2, 1280)).astype(np.float32)
    features[::2] += 2
    words = draw.normal(0, 1, (4, 384)).astype(np.float32)
    of_group = {("ct", ""): [0], ("photo", ""): [1]}
    captions = Captions(words, of_group, {"medical": [2], "non-medical": [3]})
    return training[2].TrainingData(features, 1, rows, captions)


def test_plain_pipelines_are_judged_on_the_folds_of_the_ensemble(training, data, tmp_path):
    comparison, crossval, _ = training
    folds, trained = data.rows["source"].str[1:].astype(int), pd.Series(True, index=data.rows.index)
    prompts = load_prompts(shipped("prompts"), "pair")
    fitted = crossval.fit_folds(data, trained, folds, prompts, tmp_path)
    judged = fitted.judge(data)
    made = comparison.compare(fitted, data, judged.votes)
    assert list(made) == [comparison.ZERO_SHOT, comparison.K_MEANS, comparison.VOTE]
    for name, predictions in made.items():
        assert [p.file for p in predictions] == list(data.rows["file"]), name
        assert all(p.verdict for p in predictions), name
    cast = {vote.sha256: vote.probability for vote in judged.votes if vote.voter == "zero_shot"}
    assert all(p.probability == pytest.approx(cast[p.file]) for p in made[comparison.ZERO_SHOT])
    of_fold = {}
    for p, fold in zip(made[comparison.K_MEANS], folds, strict=True):
        of_fold.setdefault(fold, set()).add(p.probability)
    assert all(len(said) <= comparison.FEWEST for said in of_fold.values())

    from medsift.steps.ablation.encoding import Measured

    cost = Measured("lite", "d", "t", "torch_fp32", 1.0, 48, 2.0, 900.0)
    comparison.write_comparison(tmp_path / "c.json", {**made, comparison.OURS: judged.predictions}, (cost, cost))
    rows = json.loads((tmp_path / "c.json").read_text())["rows"]
    assert [row["state"] for row in rows] == ["measured"] * 4 + ["not measured"] * 4
    assert {row["pictures_per_second"] for row in rows[:4]} == {24.0}
    assert {row["command"] for row in rows[4:]} == {comparison.FILLED_BY}


def test_pictures_of_a_fold_are_judged_together_and_each_by_itself(training, data, tmp_path):
    folds, trained = data.rows["source"].str[1:].astype(int), pd.Series(True, index=data.rows.index)
    judged = training[1].fit_folds(data, trained, folds, load_prompts(shipped("prompts"), "pair"), tmp_path).judge(data)
    said = {vote.sha256: vote.probability for vote in judged.votes if vote.voter == "neighbours"}
    assert list(said) == [p.file for fold in range(4) for p in judged.predictions if p.source == f"s{fold}"]
    met = {file: p for file, p in said.items() if p is not None}
    assert met
    assert {p.file: p.probability for p in judged.predictions if p.file in met} == pytest.approx(met)
    by_itself = {p.file: p.probability for p in judged.alone}
    assert {p.file: p.probability for p in judged.predictions if p.file not in met} == pytest.approx(
        {file: p for file, p in by_itself.items() if file not in met}
    )
    assert any(by_itself[file] != pytest.approx(p, rel=1e-9) for file, p in met.items())


def test_sets_that_were_fitted_once_judge_pictures_and_the_figures_that_have_them_as_panels(
    training, data, tmp_path, monkeypatch
):
    folds, trained = data.rows["source"].str[1:].astype(int), pd.Series(True, index=data.rows.index)
    fitted = training[1].fit_folds(data, trained, folds, load_prompts(shipped("prompts"), "pair"), tmp_path)
    monkeypatch.setattr("alignment.crossval.fit_set", lambda *_: pytest.fail("nothing is fitted again"))
    of_pictures, of_figures = fitted.judge(data), fitted.judge(data.in_panels())
    assert [p.file for p in of_figures.alone] == [p.file for p in of_pictures.alone] == list(data.rows["file"])
    assert [p.probability for p in of_figures.alone] != [p.probability for p in of_pictures.alone]


def test_the_table_has_a_row_a_pipeline_and_says_what_fills_the_others(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from write_tables import Table, comparison

    row = {
        "profile": "lite", "name": "our ensemble", "encoders": "lite", "state": "measured", "reason": "",
        "command": "", "balanced_accuracy": 0.93, "interval": [0.9, 0.95], "auc": 0.97, "ece": 0.017,
        "pictures_per_second": 41.6, "peak_mb": 1017.2,
    }  # fmt: skip
    clip = row | {"profile": "clip", "state": "not measured", "reason": "weights not available", "command": "do this"}
    measured = tmp_path / "comparison.json"
    measured.write_text(json.dumps({"rows": [row, clip]}))
    table = Table(tmp_path / "README.md", "comparison", measured, "measure it", comparison)
    made = table.written(EMPTY)
    assert "| `lite` | our ensemble | lite | 0.930 (0.900 to 0.950) | 0.970 | 0.017 | 42 | 1,017 |" in made
    assert "| `clip` | our ensemble | lite | not measured: weights not available |" in made
    assert "What is not measured is filled by `do this`." in made
    assert table.written(made) == made
    assert "old" not in made


def test_kinds_of_few_sources_are_told_apart_from_the_others(training, data):
    _, crossval, _ = training
    from medsift.contracts import Verdict

    rows = data.rows.assign(source=data.rows["source"].where(data.rows["kind"] == "ct", "only"))
    said = {
        row.file: Verdict(row.file, "medical", 0.9, 0.9, "ct", 1.0, needs_review=False) for row in rows.itertuples()
    }
    measured = crossval.figures(crossval.predictions_of(rows, said.values(), []))
    assert (measured["n_of_three"], measured["n_of_fewer"]) == (24, 24)
    assert measured["balanced_accuracy"] == 0.5
    of_one = crossval.figures(crossval.predictions_of(rows[rows["kind"] == "ct"], said.values(), []))
    assert (of_one["n_of_fewer"], of_one["balanced_accuracy_of_fewer"]) == (0, None)


def test_a_table_that_was_not_measured_says_what_measures_it(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from write_tables import Table, comparison

    table = Table(tmp_path / "README.md", "comparison", tmp_path / "none.json", "measure it", comparison)
    assert "Not measured yet: `measure it` measures it." in table.written(EMPTY)


def test_sources_left_out_are_told_by_kind_and_voter_with_their_number(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from write_tables import sources_left_out

    balanced = ("balanced_accuracy", "balanced_accuracy_of_three", "balanced_accuracy_of_fewer")
    headline = (*balanced, "auc", "ece", "accuracy_at_85", "kind_macro_f1", "kind_macro_f1_of_three")
    made = sources_left_out(
        dict.fromkeys(headline, 0.5)
        | {
            "review_rate": 0.1, "intervals": {"auc": [0.4, 0.6]}, "voters": {"kinds": {}, "dicom": {}},
            "by_kind": {"ct": {"sources": 5, "n": 150, "accuracy": 0.99, "kind_f1": 0.876}},
            "by_kind_and_voter": {"ct": {"kinds": 0.98, "dicom": None}},
            "alone": dict.fromkeys((*headline, "review_rate"), 0.25),
        }
    )  # fmt: skip
    assert "| AUC | 0.500 | 0.400 to 0.600 | 0.250 |" in made
    assert "| ct | 5 | 150 | 0.990 | 0.88 | 0.98 |" in made
    assert "dicom" not in made


def test_the_documents_have_the_tables_that_were_measured():
    done = subprocess.run(
        [sys.executable, "tools/write_tables.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
