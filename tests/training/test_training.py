"""What keeps the figures honest: folds, captions and prompts of the training under tools/."""

import csv
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from medsift.modelsets import shipped_set
from medsift.prompts import list_prompt_sets, load_prompts
from medsift.settings import shipped

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
CAPTIONS = tomllib.loads((ROOT / "tools" / "alignment" / "captions.toml").read_text(encoding="utf-8"))


def bare(text: str) -> str:
    return text.lower().strip(" .")


def all_captions() -> set[str]:
    tables = [*CAPTIONS["medical"].values(), *CAPTIONS["non-medical"].values(), *CAPTIONS["sides"].values()]
    tables += [captions for kinds in CAPTIONS["sources"].values() for captions in kinds.values()]
    return {caption for captions in tables for caption in captions}


def manifest() -> list[dict[str, str]]:
    with (CORPUS / "manifest.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_no_prompt_that_ships_is_a_training_caption():
    sentences = {bare(template.format(caption)) for caption in all_captions() for template in CAPTIONS["templates"]}
    for name in list_prompt_sets(shipped("prompts")):
        assert not sentences & {bare(text) for text in load_prompts(shipped("prompts"), name).texts}


def test_measured_figures_ship_and_are_above_the_floor():
    figures = json.loads(shipped_set("lite").file("metrics.json").read_text())["folds"]
    assert figures["balanced_accuracy"] >= 0.92
    assert figures["undecided"] == 0
    assert "skimage-data" not in figures["by_source"]


def test_the_card_says_what_was_measured_and_left_out():
    model_set = shipped_set("lite")
    figures = json.loads(model_set.file("metrics.json").read_text())["folds"]
    card = model_set.file("CARD.md").read_text(encoding="utf-8")
    assert f"| balanced accuracy | {figures['balanced_accuracy']:.3f} |" in card
    for word in ("skimage-data", "none stated", "Not a medical device"):
        assert word in card


@pytest.mark.corpus
def test_every_kind_of_the_training_pictures_has_captions():
    with_captions = set(CAPTIONS["medical"]) | set(CAPTIONS["non-medical"])
    assert {row["kind"] for row in manifest()} - with_captions == {"illustration-medical"}


@pytest.mark.corpus
def test_folds_are_those_the_script_makes(tmp_path):
    target = tmp_path / "folds.csv"
    subprocess.run([sys.executable, "tools/make_folds.py", CORPUS, target], cwd=ROOT, check=True, capture_output=True)
    assert target.read_text() == (ROOT / "tools" / "folds.csv").read_text()


@pytest.mark.corpus
def test_every_fold_has_whole_sources_and_both_labels_in_like_numbers():
    with (ROOT / "tools" / "folds.csv").open() as file:
        folds = {row["source"]: int(row["fold"]) for row in csv.DictReader(file)}
    counts = np.zeros((8, 2), int)
    for row in manifest():
        counts[folds[row["source"]], row["label"] == "medical"] += 1
    assert counts.min() > 350
    assert counts.max() < 550


def test_drawn_pictures_are_the_same_each_time_and_of_kinds_with_captions(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from alignment import drawn

    few = {kind: (label, 3, draw) for kind, (label, _, draw) in drawn.KINDS.items()}
    monkeypatch.setattr(drawn, "KINDS", few)
    rows, again = drawn.draw_all(tmp_path / "one"), drawn.draw_all(tmp_path / "two")
    assert len(rows) == 3 * len(few)
    for first, second in zip(rows["file"], again["file"], strict=True):
        assert Path(first).read_bytes() == Path(second).read_bytes()
    for row in rows.itertuples():
        assert CAPTIONS[row.label][row.kind]
        assert row.source.startswith("drawn-")


def test_a_source_that_counts_a_quarter_weighs_a_quarter_of_another_of_its_size(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import pandas as pd
    from alignment.groups import weights_of

    sources = [
        ("medical", "ct", "a", 1.0),
        *4 * [("non-medical", "plot", "b", 1.0)],
        *4 * [("non-medical", "plot", "c", 0.25)],
    ]
    rows = pd.DataFrame(sources, columns=["label", "kind", "source", "counts"]).assign(file=range(9))
    weights = weights_of(rows)
    assert weights[0] == pytest.approx(0.5)
    assert weights[1:5].sum() == pytest.approx(0.4)
    assert weights[5:].sum() == pytest.approx(0.1)


def test_kinds_with_captions_are_told_apart_by_words_and_head_on_a_source_never_seen(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import pandas as pd
    from alignment.captions import Captions
    from alignment.fit import TrainingData, fit_maps

    draw = np.random.default_rng(0)
    kinds = np.array(["ct", "photo", "plot"])
    number = np.arange(360)
    rows = pd.DataFrame(
        {
            "file": number.astype(str),
            "label": np.array(["medical", "non-medical", "non-medical"])[number % 3],
            "kind": kinds[number % 3],
            "source": [f"source-{each // 60}" for each in number],
            "counts": 1.0,
        }
    )
    features = draw.normal(0, 1, (360, 4, 12)).astype(np.float32)
    features[number, :, number % 3] += 4
    features[:, :, 3:6] += draw.normal(0, 1, (6, 3)).repeat(60, axis=0)[:, None]  # what only the source explains
    captions = Captions(np.eye(3, dtype=np.float32), {(kind, ""): [row] for row, kind in enumerate(kinds)}, {})
    seen = (rows["source"] != "source-5").to_numpy()
    alignment, head = fit_maps(TrainingData(features[seen], 2, rows[seen].reset_index(drop=True), captions))
    vectors = (features[~seen, :2].mean(axis=1) - alignment.mean) / alignment.deviation @ alignment.picture_map
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    truth = rows["kind"][~seen].to_numpy()
    assert head.kinds == tuple(kinds)
    assert (kinds[head.log_shares(vectors).argmax(axis=1)] == truth).mean() > 0.9
    assert head.kernel is not None
    assert ((head.kernel.log_odds(vectors) > 0) == (truth == "ct")).mean() > 0.9
    assert (kinds[(vectors @ alignment.text_map.T).argmax(axis=1)] == truth).mean() > 0.9
