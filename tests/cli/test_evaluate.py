"""`medsift evaluate` as people meet it: figures, and what they have to know of them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.commands import medsift_command, rows_of
from tests.sources.pdf_parts import scene


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A picture, the same again, and a file that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("one.png", "twin.png"):
        Image.fromarray(scene(seed=1)).save(folder / name)
    (folder / "notes.pdf").write_bytes(b"%PDF-1.7\n")
    return folder


def test_files_without_a_picture_count_as_wrong_and_are_told_with_a_reason(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("file,label\none.png,non-medical\ngone.jpg,medical\nnotes.pdf,medical\n")
    done = medsift_command("evaluate", "--manifest", "m.csv", "--root", pictures, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["n"], metrics["undecided"]) == (3, 2)
    rows = rows_of(tmp_path / "out" / "predictions.csv")
    assert [(row["state"], row["reason"]) for row in rows] == [
        ("kept", ""), ("failed", "There is no such file."), ("rejected", "The file is no picture (pdf)."),
    ]  # fmt: skip
    said = "2 of 3 files gave no picture, at first gone.jpg: There is no such file. They count as wrong."
    assert said in done.stdout.splitlines()
    assert said in (tmp_path / "out" / "report.html").read_text()


def test_a_picture_that_is_called_both_is_evaluated_and_named_with_both_files(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("file,label\none.png,non-medical\ntwin.png,medical\n")
    done = medsift_command("evaluate", "--manifest", "m.csv", "--root", pictures, "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["accuracy"] == 0.5
    assert "one.png is labelled non-medical and twin.png (the same picture) medical. One of the two" in done.stdout


def test_evaluate_says_that_its_root_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("file,label\none.jpg,medical\n")
    done = medsift_command("evaluate", "--manifest", "m.csv", "--root", "nodir", "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "medsift: nodir is not a folder.\n")
    assert not (tmp_path / "out").exists()
