"""`medsift explain` as people and scripts meet it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.cli._explanation import show_explanation
from medsift.contracts import Verdict
from medsift.steps.explain import BLANK, Alike, Explanation, Subject


def run(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medsift.cli", "explain", "--set", "engine=torch_fp32", *arguments]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "COLUMNS": "200", "MEDSIFT_VOLUME": str(cwd / "var")}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_a_file_is_explained_in_words_numbers_and_a_picture(tmp_path: Path) -> None:
    Image.radial_gradient("L").save(tmp_path / "ring.png")
    done = run(tmp_path, "ring.png", "--json", "why.json")
    assert done.returncode == 0, done.stderr
    for part in ("confidence", "zero_shot", "prompts that fit best", "clusters it falls into", "explain-ring.png"):
        assert part in done.stdout
    document = json.loads((tmp_path / "why.json").read_text())
    assert document["picture"] == str(tmp_path / "ring.png")
    assert len(document["heat"]) == len(document["heat"][0]) == 8
    assert {vote["voter"]: vote["pull"] for vote in document["votes"]}["caption"] == 0
    assert Image.open(tmp_path / "explain-ring.png").size == (256, 256)


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["nothing.png"], 2, "nothing.png is neither the SHA-256 of a picture (64 hexadecimal digits, "),
        (["words.txt"], 1, "Nothing could be done: words.txt:"),
        (["icon.png"], 1, "Nothing could be done: icon.png: It is 10 x 10 pixels; the smallest side kept is 16."),
        (["slice.dcm"], 2, "slice.dcm is no picture file (dicom). Name its pictures by the sha256 that"),
        (["words.txt", "--png", "no/where.png"], 2, "Cannot write no/where.png"),
        (["ab" * 32], 1, "No database is up."),
        (["abcdef"], 1, "No database is up."),
        (["abcde"], 2, "abcde is neither the SHA-256 of a picture"),
    ],
)
def test_what_cannot_be_explained_costs_one_sentence(
    tmp_path: Path, arguments: list[str], status: int, sentence: str
) -> None:
    (tmp_path / "words.txt").write_text("no picture")
    Image.linear_gradient("L").resize((10, 10)).save(tmp_path / "icon.png")
    (tmp_path / "slice.dcm").write_bytes(bytes(128) + b"DICM")
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"medsift: {sentence}")
    assert len(done.stderr.splitlines()) == 1


def test_a_picture_alike_is_one_line_however_narrow_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    verdict = Verdict("0", "medical", 0.9, 0.9, None, 1.0, needs_review=False)
    alike, heat = [Alike("ab" * 32, 0.5, "non-medical", "model")], np.zeros((8, 8))
    subject = Subject(Path("a.png"), "cd" * 32, BLANK)
    show_explanation(Explanation(subject, verdict, [], {}, [], [], alike, "", heat, b""), Path("why.png"))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["ab" * 32, "0.50", "non-medical", "(model)"] in lines
