"""A set of a file of labels: no database is needed."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from medsift.contracts import Surroundings
from medsift.errors import NothingDoneError, UsageError
from medsift.evaluation.manifest import ManifestRow
from medsift.modelsets import shipped_set
from medsift.sources.dicom import STUDY_GROUP
from medsift.steps import local_context
from medsift.steps.fit_labels_file import fit_labels_file, standing
from medsift.steps.fit_model_set import fit_model_set
from medsift.steps.labelled import group_numbers, joining, shared
from medsift.steps.pictures_of_folder import evaluate_folder
from medsift.steps.profile import current_model_set
from medsift.steps.use_model_set import fitted_unmeasured, promote_fitted, promote_model_set, roll_back


def fitted(settings, rows, root):
    with local_context(settings, [f"fit {root} {len(rows)}"]) as context:
        return fit_labels_file(context, rows, root, "2026-03-01")


@pytest.fixture
def rows(tmp_path, draw_source):
    """Twelve pictures of each of six sources, whose names only the file of labels tells."""
    return [
        ManifestRow(path.removeprefix(f"{tmp_path}/"), label, source=f"atlas {number}")
        for number in range(6)
        for path, label in draw_source(tmp_path / "all" / f"part-{number}", number, 12).items()
    ]


def test_labels_of_a_file_fit_a_set_that_knows_how_good_it_is(plain_settings, rows, tmp_path):
    gone = ManifestRow("all/gone.png", "medical", source="atlas 0")
    summary = fitted(plain_settings, [*rows, gone], tmp_path)
    assert summary["sentence"].endswith(" 1 of the 73 files gave no picture, at first all/gone.png.")
    assert (summary["labels"], summary["medical"], summary["groups"]) == (72, 36, 6)
    assert summary["new"]["balanced_accuracy"] > summary["current"]["balanced_accuracy"]
    told = promote_fitted(plain_settings, summary, None)
    model_set = current_model_set(plain_settings)
    assert model_set.digest in told
    assert model_set.learned().labels == 72
    assert roll_back(plain_settings, None).model_set.digest == shipped_set("lite").digest


def test_a_fit_without_labels_says_what_it_replaces_and_what_is_lost(plain_settings, rows, tmp_path):
    taught = promote_model_set(plain_settings, fitted(plain_settings, rows, tmp_path)["model_set"], None)
    with local_context(plain_settings, ["fit"]) as context:
        model_set = fit_model_set(context, tmp_path / "all")
    said = fitted_unmeasured(plain_settings, model_set)
    assert f"{model_set.digest} is in use, its accuracy not measured" in said
    assert f"takes the place of {taught.name} {taught.digest}, whose voter `learned` it does not have;" in said
    assert "`medsift modelset rollback`" in said
    assert "`learned`: not carried over" in model_set.card.read_text()
    assert roll_back(plain_settings, None).model_set == taught


def test_labels_that_allow_no_fit_are_a_sentence_and_leave_nothing(plain_settings, rows, tmp_path):
    few = rows[:12]
    with pytest.raises(NothingDoneError, match="6 embedded pictures are labelled medical and 6 non-medical"):
        fitted(plain_settings, few, tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        fitted(plain_settings, few, tmp_path / few[0].file)
    assert not (plain_settings.volume / "modelsets").exists()


def test_labels_of_too_few_groups_are_told_how_many_there_are_and_what_makes_one(plain_settings, rows, tmp_path):
    of_one_source = [replace(row, source="atlas 0") if row.label == "medical" else row for row in rows]
    with pytest.raises(NothingDoneError) as refused:
        fitted(plain_settings, of_one_source, tmp_path)
    assert "labelled medical: 1, non-medical: " in str(refused.value)
    assert "near duplicates are one group" in str(refused.value)
    assert "the column source of a file of labels" in str(refused.value)


def test_figures_of_pictures_that_taught_the_set_in_use_say_so(plain_settings, rows, tmp_path):
    promote_model_set(plain_settings, fitted(plain_settings, rows[:48], tmp_path)["model_set"], None)
    (tmp_path / "new").mkdir()
    shutil.move(tmp_path / rows[0].file, tmp_path / "new" / "name.png")
    again = [ManifestRow("new/name.png", "medical"), rows[1], *rows[50:]]
    with local_context(plain_settings, ["evaluate"]) as context:
        metrics, notes = evaluate_folder(context, again, tmp_path, tmp_path / "out")
    assert metrics["n"] == len(again)
    assert notes == ["2 of these pictures taught the model set in use: of pictures never seen figures would be lower."]
    assert notes[0] in (tmp_path / "out" / "report.html").read_text()


def test_sources_that_the_set_in_use_was_fitted_on_stay_seen_though_the_file_names_other_pictures(
    plain_settings, rows, tmp_path
):
    first, others = rows[:6], rows[6:12]
    promote_model_set(plain_settings, fitted(plain_settings, [*first, *rows[12:]], tmp_path)["model_set"], None)
    summary = fitted(plain_settings, [*others, *rows[12:]], tmp_path)
    assert (summary["labels"], summary["compared"]) == (66, 60)


def test_labels_none_of_whose_files_is_there_are_a_sentence(plain_settings, tmp_path):
    gone = [ManifestRow(f"{number}.png", "medical", source=f"{number}") for number in range(12)]
    with pytest.raises(NothingDoneError, match=r"0 embedded .* 12 of the 12 files gave no picture, at first 0\.png\."):
        fitted(plain_settings, gone, tmp_path)


def test_a_picture_that_is_called_both_is_named_with_both_files(plain_settings, rows, tmp_path):
    shutil.copy(tmp_path / rows[0].file, tmp_path / "copy.png")
    other = ManifestRow("copy.png", "non-medical", source="atlas 9")
    with pytest.raises(UsageError, match=rf"{rows[0].file} is labelled medical and copy\.png .* non-medical"):
        fitted(plain_settings, [*rows, other], tmp_path)


def test_pictures_of_one_study_are_one_group_whatever_their_folders_and_sources():
    rows = [ManifestRow("a/1.dcm", "medical"), ManifestRow("b/2.dcm", "medical", source="atlas")]
    study = {STUDY_GROUP: "f" * 32}
    around = {sha256: Surroundings(sha256, "", study) for sha256 in ("one", "two")} | {
        "three": Surroundings("three", "")
    }
    named = [("one", rows[0]), ("two", rows[1]), ("three", ManifestRow("a/3.png", "medical"))]
    links = joining(*shared(standing(named, Path("/root"), around)), [])
    first, second, other = group_numbers(["one", "two", "three"], links)
    assert first == second != other
