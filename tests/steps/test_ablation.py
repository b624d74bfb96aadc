"""What `medsift ablate` compares, and that nothing is fitted on the source it is judged on."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from PIL import Image

from medsift.encoders._selftest import drawn_pictures
from medsift.errors import NothingDoneError, UsageError
from medsift.evaluation.manifest import ManifestRow, read_manifest
from medsift.modelsets import Calibration, Head
from medsift.steps.ablation import ablate
from medsift.steps.ablation.folds import BY_ROW, BY_SOURCE, FOLDS, cross_folds
from medsift.steps.ablation.judging import Bench, Material, Setup, alone, of_voter
from medsift.steps.ablation.variations import TOO_FEW
from medsift.voters import Prompted

UNCALIBRATED = Calibration({"zero_shot": 1.0, "clusters": 0.25}, 1.0)
DIMENSION = 8


def material(is_medical, folds, noise=0.3, uncalibrated=UNCALIBRATED):
    """Pictures whose vectors lean to the first axis where medical, to the second where not."""
    draw = np.random.default_rng(1)
    is_medical = np.asarray(is_medical, dtype=bool)
    vectors = draw.normal(0, noise, (len(is_medical), DIMENSION))
    vectors[np.arange(len(is_medical)), np.where(is_medical, 0, 1)] += 1
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    names = [f"{number:03d}" for number in range(len(is_medical))]
    blank = [{} for _ in names]
    return Material(names, is_medical, np.asarray(folds), [""] * len(names), blank, {"d": vectors}, [], uncalibrated)


def setup(clusters=4):
    prompts = np.eye(DIMENSION, dtype=np.float32)[:2]
    return Setup({"e": "d"}, Prompted("e", 8.0, prompts, ["ct", "photo"], [True, False]), (("e",),), clusters)


def accuracy(verdicts, made):
    said = {name: verdict.verdict == "medical" for name, verdict in verdicts.items()}
    return np.mean([said.get(name) == label for name, label in zip(made.sha256s, made.is_medical, strict=True)])


def test_rows_of_a_source_and_rows_of_a_picture_are_never_parted():
    identities = [f"p{number}" for number in range(30)]
    sources = [f"s{number % 6}" for number in range(30)]
    identities[7] = identities[0]  # one picture in the sources s0 and s1
    folds, sentence = cross_folds(identities, sources)
    assert sentence == BY_SOURCE
    of_source = {source: {folds[i] for i in range(30) if sources[i] == source} for source in set(sources)}
    assert all(len(its) == 1 for its in of_source.values())
    assert of_source["s0"] == of_source["s1"]
    assert len(set(folds)) == FOLDS


@pytest.mark.parametrize("source", ["", "the only one"])
def test_without_two_sources_rows_are_parted_by_picture_and_a_sentence_says_so(source):
    identities = [f"p{number}" for number in range(20)] * 2
    folds, sentence = cross_folds(identities, [source] * 40)
    assert sentence == BY_ROW
    assert len(set(folds)) == FOLDS
    assert (folds[:20] == folds[20:]).all()


def test_rows_without_a_source_are_sources_of_their_own():
    folds, sentence = cross_folds(list("abcdef"), ["s", "s", "t", "", "", ""])
    assert sentence == BY_SOURCE
    assert folds[0] == folds[1]
    assert len(set(folds)) > 2


def test_a_single_picture_and_the_same_one_in_every_source_have_a_fold_too():
    assert cross_folds(["a"], [""])[0].tolist() == [0]
    folds, sentence = cross_folds(["a", "a"], ["s", "t"])
    assert (folds.tolist(), sentence) == ([0, 0], BY_ROW)


def test_pictures_that_share_a_study_or_are_near_duplicates_are_never_parted():
    names = list("abcdefgh")
    alike = {"a": ["study 1"], "d": ["study 1"], "e": ["near a"], "f": ["near a", "study 2"]}
    folds, sentence = cross_folds(names, [f"s{number}" for number in range(8)], alike)
    assert sentence == BY_SOURCE
    assert folds[0] == folds[3]
    assert folds[4] == folds[5]
    assert len(set(folds)) == FOLDS


def test_clusters_are_fitted_on_other_folds_than_they_judge():
    """Fold 1 is unlike all others: only clusters fitted on it could know it."""
    made = material([True, False] * 40, [0] * 40 + [1] * 40)
    made.vectors["d"][40:] = np.eye(DIMENSION, dtype=np.float32)[5]
    votes = Bench(made).plain_clusters(setup(2))
    centres = [vote.probability for vote in votes[1]]
    assert len(set(centres)) == 1  # one foreign cluster takes them all
    assert set(votes) == {0, 1}
    fitted_on_foreign = {round(vote.probability, 3) for vote in votes[0]}
    assert fitted_on_foreign == {0.5}  # what is like nothing it was fitted on gets that one cluster's even score


def test_voters_and_the_ensemble_are_right_where_vectors_are_clear():
    made = material([True, False] * 60, np.arange(120) % 4, noise=0.1)
    bench = Bench(made)
    votes = bench.votes(setup())
    assert accuracy(alone(of_voter(votes, "zero_shot"), 0.8), made) == 1
    for strategy in ("weighted_log_odds", "majority", "zero_shot_decides"):
        assert accuracy(bench.verdicts(votes, strategy, 0.8), made) == 1


def test_what_the_model_set_learnt_of_kinds_votes_with_the_encoder_it_was_learnt_for():
    made = material([True, False] * 20, np.arange(40) % 4, noise=0.1)
    weights = 8 * np.eye(DIMENSION, dtype=np.float32)[:, :2]
    head = Head("e", ("ct", "photo"), np.array([True, False]), weights, np.zeros(2, np.float32))
    knowing, foreign = (replace(made, heads={digest: head}) for digest in ("d", "of another encoder"))
    assert accuracy(alone(of_voter(Bench(knowing).votes(setup()), "kinds"), 0.8), made) == 1
    assert alone(of_voter(Bench(foreign).votes(setup()), "kinds"), 0.8) == {}


def test_a_voter_that_abstains_gives_no_verdict():
    made = material([True, False] * 20, np.arange(40) % 4)
    assert alone(of_voter(Bench(made).votes(setup()), "dicom"), 0.8) == {}


def test_the_calibration_of_a_fold_does_not_see_its_labels():
    flipped = np.array([True, False] * 40)
    folds = np.arange(80) // 2 % 4
    one, other = material(flipped.copy(), folds), material(flipped.copy(), folds)
    other.is_medical[folds == 0] = ~other.is_medical[folds == 0]
    verdicts = [
        {
            name: v.probability
            for name, v in Bench(made).verdicts(Bench(made).votes(setup()), "weighted_log_odds", 0.8).items()
        }
        for made in (one, other)
    ]
    judged = [name for name, fold in zip(one.sha256s, folds, strict=True) if fold == 0]
    assert all(verdicts[0][name] == verdicts[1][name] for name in judged)
    others = [name for name, fold in zip(one.sha256s, folds, strict=True) if fold == 1]
    assert any(verdicts[0][name] != verdicts[1][name] for name in others)


@pytest.mark.parametrize("labels", [[True] * 40, [False] * 40])
def test_labels_of_one_class_leave_the_weights_as_they_are(labels):
    made = material(labels, np.arange(40) % 4)
    bench = Bench(made)
    verdicts = bench.verdicts(bench.votes(setup()), "weighted_log_odds", 0.8)
    assert len(verdicts) == 40


def test_identical_vectors_are_one_cluster():
    made = material([True, False] * 20, np.arange(40) % 4)
    made.vectors["d"][:] = made.vectors["d"][0]
    bench = Bench(made)
    assert len(bench.verdicts(bench.votes(setup()), "weighted_log_odds", 0.8)) == 40
    assert len({vote.probability for cast in bench.plain_clusters(setup()).values() for vote in cast}) == 1


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """40 drawn pictures of four sources, one file that is no picture and one that is not there, and a manifest."""
    folder = tmp_path_factory.mktemp("drawn")
    rows = []
    for number, picture in enumerate(drawn_pictures(96)[:40]):
        Image.fromarray(picture).save(folder / f"{number:02d}.png")
        rows.append(
            (
                f"{number:02d}.png",
                ("medical", "non-medical")[number % 2],
                "ct" if number % 2 else "plot",
                f"s{number % 4}",
            )
        )
    (folder / "words.png").write_text("no picture")
    rows += [("words.png", "medical", "ct", "s0"), ("gone.png", "medical", "ct", "s1")]
    with (folder / "m.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "kind", "source"), *rows])
    return folder


def told(_step, _done, _total):
    """Nobody is told."""


@pytest.fixture(scope="module")
def compared(drawn, tmp_path_factory):
    from medsift.settings import Settings

    out = tmp_path_factory.mktemp("ablation")
    settings = Settings.load({"volume": str(out / "nowhere"), "cluster_count": 4, "num_workers": 1}, {})
    rows = read_manifest(drawn / "m.csv").rows
    return settings, rows, out, ablate(settings, rows, drawn, out, told)


def test_everything_is_compared_on_the_same_pictures(compared):
    _, rows, _, ablation = compared
    groups = ["comparison", "voters", "strategies", "clusters", "CNN encoders", "prompt sets", "enhancement"]
    assert list(ablation.groups) == groups
    measured = [row for row in ablation.rows if row.state == "measured"]
    assert {row.n for row in measured} == {len(rows)}
    assert all(row.undecided >= 2 for row in measured)  # the file that is no picture and the one that is not there
    assert {"lite", "clip"} == {row.profile for row in ablation.rows}
    assert all(row.pictures_per_second > 0 and row.peak_mb > 100 for row in measured)
    names = [row.name for row in ablation.groups["strategies"]]
    assert names == ["majority", "weighted_log_odds", "zero_shot_decides"]
    assert "K=2, alone" in [row.name for row in ablation.groups["clusters"]]


def test_our_ensemble_is_that_of_a_run_and_who_never_votes_is_not_measured(compared):
    rows = {row.name: row for row in compared[3].groups["voters"]}
    assert {name for name, row in rows.items() if row.state == "measured"} == {
        "clusters",
        "kernel",
        "kinds",
        "neighbours",
        "zero_shot",
    }
    assert rows["dicom"].shown_state == "not measured: abstains on every picture"


def test_a_prompt_set_that_cannot_be_used_is_a_row_that_says_why(drawn, tmp_path, plain_settings):
    shutil.copytree(plain_settings.prompts_dir, tmp_path / "prompts")
    (tmp_path / "prompts" / "half" / "medical").mkdir(parents=True)
    (tmp_path / "m.csv").write_text("file,label\n00.png,medical\n")
    settings = plain_settings.model_copy(update={"prompts_dir": tmp_path / "prompts"})
    ablation = ablate(settings, read_manifest(tmp_path / "m.csv").rows, drawn, tmp_path / "out", told)
    states = {row.name: row.shown_state for row in ablation.groups["prompt sets"]}
    assert states["figures, zero-shot alone"] == "measured"
    assert "at least one prompt in medical/<kind>.txt" in states["half"]


def test_each_enhancement_is_measured_on_pictures_embedded_with_it(compared):
    rows = {row.name: row for row in compared[3].groups["enhancement"]}
    ways = ("none", "clahe", "denoise")
    parts = ("zero-shot alone", "in the ensemble")
    assert list(rows) == [f"{way}, {part}" for way in ways for part in parts]
    assert {row.state for row in rows.values()} == {"measured"}
    plain = next(row for row in compared[3].rows if row.name == "zero-shot alone")
    assert rows["none, zero-shot alone"].ece == plain.ece
    assert len({rows[f"{way}, zero-shot alone"].ece for way in ways}) == 3


def test_what_has_no_weights_here_says_so_and_names_the_command(compared):
    rows = compared[3].rows
    clip = [row for row in rows if row.profile == "clip"]
    assert {row.shown_state for row in clip} == {"not measured: weights not available"}
    assert {row.command for row in clip} == {"medsift weights fetch --profile clip"}
    assert all(row.balanced_accuracy is None and row.pictures_per_second is None for row in clip)
    resnet = [row for row in rows if row.name.startswith("resnet50")]
    assert {row.command for row in resnet} == {"medsift weights fetch resnet50"}


def test_more_clusters_than_the_pictures_can_fill_are_not_measured(compared):
    states = {row.name: row.shown_state for row in compared[3].groups["clusters"]}
    assert states["K=128"] == "not measured: too few pictures: 8 a cluster are needed"


def test_results_are_a_document_a_table_and_a_page_that_agree(compared):
    _, _, out, ablation = compared
    document = json.loads((out / "ablation.json").read_text())
    with (out / "ablation.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(document["rows"]) == len(table) == len(ablation.rows)
    page = (out / "report.html").read_text()
    assert all(row.name in page for row in ablation.rows)
    assert BY_SOURCE in page


def test_rows_that_count_as_wrong_in_any_case_are_told_with_why(compared, drawn, tmp_path):
    settings, rows, out, ablation = compared
    page = (out / "report.html").read_text()
    for told_in in (ablation.notes[0], page):
        assert "2 of 42 files gave no picture, at first words.png: Its content is no picture." in told_in
    assert "<td>failed</td><td><bdi>There is no such file.</bdi></td>" in page
    both = [*rows[:1], replace(rows[0], file="./00.png", label="non-medical")]
    sentence = ablate(settings, both, drawn, tmp_path / "out", told).notes[0]
    assert sentence.startswith("00.png is labelled medical and ./00.png (the same picture) non-medical.")


def test_a_second_call_embeds_nothing_and_finds_the_same(compared, drawn, monkeypatch):
    settings, rows, out, first = compared

    def never(*_):
        raise AssertionError("nothing is to be embedded or read again")

    monkeypatch.setattr("medsift.steps.ablation.encoding._in_own_process", never)
    monkeypatch.setattr("medsift.steps.ablation.pictures.find_pictures", never)
    assert ablate(settings, rows, drawn, out, told).as_json() == first.as_json()


def test_a_single_picture_is_compared_as_far_as_it_goes(drawn, tmp_path, plain_settings):
    (tmp_path / "m.csv").write_text("file,label\n00.png,medical\n")
    ablation = ablate(plain_settings, read_manifest(tmp_path / "m.csv").rows, drawn, tmp_path / "out", told)
    states = {row.name: row.state for row in ablation.groups["comparison"] if row.profile == "lite"}
    assert states["zero-shot alone"] == "measured"
    assert states["CNN with K-Means, K=2"] == "not measured"


def test_a_report_is_headed_with_no_figures_that_its_table_calls_not_measured(drawn, tmp_path, plain_settings):
    lines = (drawn / "m.csv").read_text().splitlines()
    (tmp_path / "m.csv").write_text("\n".join([*lines[:13], lines[-1]]))
    out = tmp_path / "out"
    ablation = ablate(plain_settings, read_manifest(tmp_path / "m.csv").rows, drawn, out, told)
    assert {row.shown_state for row in ablation.groups["strategies"]} == {f"not measured: {TOO_FEW}"}
    page = (out / "report.html").read_text()
    head = page[: page.index("<h2>Compared</h2>")]
    assert f"The ensemble of the settings is not measured: {TOO_FEW}." in head
    assert "balanced accuracy" not in head
    assert "1 of 13 files gave no picture, at first gone.png: There is no such file." in page


def test_intervals_are_drawn_by_the_patient_of_dicom_files_whose_source_is_not_told(tmp_path, plain_settings):
    for number, patient in enumerate(("PAT-1", "PAT-1", "PAT-2")):
        file = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm", download=False))
        file.PatientID, file.PixelData = patient, np.roll(file.pixel_array, 20 * number, axis=0).tobytes()
        file.save_as(tmp_path / f"{number}.dcm")
    rows = [ManifestRow(f"{number}.dcm", "medical") for number in range(3)]

    def interval(rows: list[ManifestRow]) -> tuple[float, float] | None:
        ablation = ablate(plain_settings, rows, tmp_path, tmp_path / "out", told)
        return next(row.interval for row in ablation.rows if row.name == "zero-shot alone" and row.n)

    assert interval(rows) is not None
    assert interval(rows[:2]) is None  # one patient's pictures say nothing of other patients
    assert interval([replace(row, source=row.file) for row in rows[:2]]) is not None


def test_no_picture_at_all_is_a_sentence(drawn, tmp_path, plain_settings):
    (tmp_path / "m.csv").write_text("file,label\ngone.png,medical\n")
    with pytest.raises(NothingDoneError, match=r"gone\.png: There is no such file"):
        ablate(plain_settings, read_manifest(tmp_path / "m.csv").rows, drawn, tmp_path / "out", told)


def test_a_root_that_is_no_folder_and_an_out_that_cannot_be_written_are_sentences(drawn, tmp_path, plain_settings):
    rows = read_manifest(drawn / "m.csv").rows
    with pytest.raises(UsageError, match="is not a folder"):
        ablate(plain_settings, rows, tmp_path / "nowhere", tmp_path / "out", told)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        ablate(plain_settings, rows, drawn, tmp_path / "file", told)
