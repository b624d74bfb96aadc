"""Labels, pictures, vectors and prompts of which nothing can be made: a sentence or a sensible result, no trace."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.encoders import Profile
from medsift.encoders._selftest import drawn_pictures
from medsift.errors import SettingError, UsageError
from medsift.evaluation.manifest import read_manifest
from medsift.prompts import load_prompts
from medsift.settings import Settings
from medsift.steps import local_context
from medsift.steps.fit_model_set import fit_model_set
from medsift.steps.pictures_of_folder import evaluate_folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """Settings that all tests here share, so that networks are loaded once."""
    volume = tmp_path_factory.mktemp("volume") / "none"
    return Settings.load({"volume": str(volume), "num_workers": 1}, {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Eighteen drawn pictures, and below `same/` one of them eighteen times."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "same").mkdir()
    for number, picture in enumerate(drawn_pictures(96)[:18]):
        Image.fromarray(picture).save(folder / f"{number:02d}.png")
        shutil.copy(folder / "00.png", folder / "same" / f"{number:02d}.png")
    return folder


def evaluated(settings, folder, tmp_path, lines):
    """The metrics of a manifest, as they were written."""
    (tmp_path / "m.csv").write_text("\n".join(["file,label", *lines]) + "\n")
    with local_context(settings, [str(tmp_path)]) as context:
        evaluate_folder(context, read_manifest(tmp_path / "m.csv").rows, folder, tmp_path / "out")
    assert (tmp_path / "out" / "report.html").exists()
    return json.loads((tmp_path / "out" / "metrics.json").read_text())


@pytest.fixture
def without_numbers(monkeypatch):
    """Every other vector of each encoder is NaN or infinite."""
    encode = Profile.encode_pictures

    def broken(self, pixels):
        made = encode(self, pixels)
        for rows in made.values():
            rows[::4], rows[2::4] = np.nan, np.inf
        return made

    monkeypatch.setattr(Profile, "encode_pictures", broken)


@pytest.mark.parametrize("label", ["medical", "non-medical"])
def test_one_class_has_no_auc_and_all_other_figures(settings, folder, tmp_path, label):
    metrics = evaluated(settings, folder, tmp_path, [f"{number:02d}.png,{label}" for number in range(4)])
    assert metrics["auc"] is None
    assert metrics["balanced_accuracy"] == metrics["accuracy"]
    assert (
        f"Only {label} pictures are labelled: balanced accuracy is the recall of {label}."
        in (tmp_path / "out" / "report.html").read_text()
    )


def test_a_single_picture_is_evaluated(settings, folder, tmp_path):
    metrics = evaluated(settings, folder, tmp_path, ["00.png,medical"])
    assert (metrics["n"], metrics["undecided"]) == (1, 0)


def test_a_file_whose_name_is_too_long_costs_no_other_its_verdict(settings, folder, tmp_path):
    metrics = evaluated(settings, folder, tmp_path, ["00.png,medical", f"{5000 * 'x'},medical"])
    assert (metrics["n"], metrics["undecided"]) == (2, 1)
    assert "The file cannot be read (File name too long)." in (tmp_path / "out" / "predictions.csv").read_text()


def test_identical_pictures_are_evaluated_each_by_its_label(settings, folder, tmp_path):
    lines = [f"same/{number:02d}.png,{('medical', 'non-medical')[number % 2]}" for number in range(18)]
    metrics = evaluated(settings, folder, tmp_path, lines)
    assert (metrics["n"], metrics["accuracy"], metrics["auc"]) == (18, 0.5, 0.5)


def test_pictures_whose_vectors_are_no_numbers_go_to_review_at_even_odds(settings, folder, tmp_path, without_numbers):
    lines = [f"{number:02d}.png,non-medical" for number in range(8)]
    evaluated(settings, folder, tmp_path, lines)
    rows = (tmp_path / "out" / "predictions.csv").read_text().splitlines()[1:]
    even = [row for row in rows if ",0.500000,0.500000," in row and ",true," in row]
    assert len(even) == 4


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ("file,label\n", "names no picture"),
        ("file\n00.png\n", "has no column label"),
        ("file,label\n00.png,\n", "has label '' in row 1"),
        ("", "has no column file and no column label"),
    ],
)
def test_a_manifest_without_labels_is_a_sentence(tmp_path, manifest, sentence):
    (tmp_path / "m.csv").write_text(manifest)
    with pytest.raises(UsageError, match=sentence):
        read_manifest(tmp_path / "m.csv")


def fitted(settings, tmp_path, pictures):
    """A model set fitted on a folder, on a volume of its own."""
    own = settings.model_copy(update={"volume": tmp_path / "volume", "cluster_count": 4, "engine": "torch_fp32"})
    with local_context(own, [f"fit {pictures}"]) as context:
        return fit_model_set(context, pictures)


def test_a_set_of_one_picture_however_often_it_is_there_is_a_sentence(settings, folder, tmp_path):
    with pytest.raises(UsageError, match="There are 1 usable pictures"):
        fitted(settings, tmp_path, folder / "same")
    assert not (tmp_path / "volume" / "modelsets" / "current.json").exists()


def test_a_set_is_fitted_on_those_pictures_whose_vectors_are_numbers(settings, folder, tmp_path, without_numbers):
    with pytest.raises(UsageError, match="There are 9 usable pictures"):
        fitted(settings, tmp_path, folder)


def test_an_empty_prompt_file_is_a_kind_without_prompts(tmp_path):
    for side in ("medical", "non-medical"):
        (tmp_path / "mine" / side).mkdir(parents=True)
        (tmp_path / "mine" / side / "one.txt").write_text("A picture of one.\n")
    (tmp_path / "mine" / "medical" / "empty.txt").write_text("\n# only a comment\n")
    assert [prompt.kind for prompt in load_prompts(tmp_path, "mine").prompts] == ["one", "one"]


def test_a_side_of_empty_prompt_files_is_a_sentence(tmp_path):
    for side in ("medical", "non-medical"):
        (tmp_path / "mine" / side).mkdir(parents=True)
        (tmp_path / "mine" / side / "one.txt").touch()
    with pytest.raises(SettingError, match=r"at least one prompt in medical/<kind>\.txt"):
        load_prompts(tmp_path, "mine")
