"""Whole runs in this process: counts that add up, verdicts that are right, nothing lost by a kill."""

import json
import logging
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from medsift.settings import Settings
from medsift.steps import local_context, sort_sources

NUMBERS = ("medical", "non_medical")


def sort(settings: Settings, *sources: str | Path, out: Path | None = None) -> dict[str, Any]:
    typed = [str(source) for source in sources]
    with local_context(settings, typed, out=out) as context:
        return sort_sources(context, typed).as_json()


def without_time(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "run": {**document["run"], "seconds": 0, "id": ""}}


@pytest.fixture(scope="session")
def sorted_world(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    settings = Settings.load({"volume": str(tmp_path_factory.mktemp("volume")), "engine": "torch_fp32"}, {})
    return sort(settings, small_world)


def test_counts_add_up(sorted_world: dict[str, Any]) -> None:
    sources, pictures = sorted_world["counts"]["sources"], sorted_world["counts"]["pictures"]
    states = ("done", "partial", "empty", "unchanged", "failed")
    assert sources["given"] == sum(sources[state] for state in states) == len(sorted_world["sources"]) == 7
    parts = ("kept", "exact_duplicates", "rejected", "failed")
    assert pictures["found"] == sum(pictures[part] for part in parts) == 7
    assert pictures["kept"] == sum(pictures[number] for number in NUMBERS) == len(sorted_world["pictures"]) == 4
    assert (pictures["exact_duplicates"], pictures["rejected"], pictures["failed"]) == (1, 1, 1)


def test_photographs_are_not_medical_and_slices_are(sorted_world: dict[str, Any]) -> None:
    said = {
        Path(occurrence["path"]).name: picture["verdict"]
        for picture in sorted_world["pictures"]
        for occurrence in picture["occurrences"]
    }
    assert said == {
        "a.jpg": "non-medical", "again.jpg": "non-medical", "b.jpg": "non-medical",
        "CT_small.dcm": "medical", "MR_small.dcm": "medical",
    }  # fmt: skip


def test_document_has_the_shape_that_scripts_rely_on(sorted_world: dict[str, Any]) -> None:
    assert set(sorted_world) == {"version", "run", "counts", "sources", "pictures", "rejected"}
    assert set(sorted_world["run"]) == {"id", "profile", "model_set", "prompt_set", "seconds"}
    for picture in sorted_world["pictures"]:
        assert set(picture) == {
            "sha256", "width", "height", "verdict", "probability", "confidence", "kind", "needs_review",
            "near_duplicate_of", "votes", "occurrences",
        }  # fmt: skip
        assert picture["confidence"] == pytest.approx(max(picture["probability"], 1 - picture["probability"]))
        assert set(picture["votes"]) >= {"zero_shot", "clusters"}
        for occurrence in picture["occurrences"]:
            assert set(occurrence) == {"source", "kind", "page", "box", "url", "path", "caption"}
    for rejected in sorted_world["rejected"]:
        assert set(rejected) == {"source", "where", "state", "reason"}
        assert rejected["reason"]


def test_same_pictures_have_the_same_verdicts_whatever_else_came_in(
    small_world: Path, sorted_world: dict[str, Any], plain_settings: Settings
) -> None:
    alone = sort(plain_settings, small_world / "a.jpg")["pictures"][0]
    together = next(picture for picture in sorted_world["pictures"] if picture["sha256"] == alone["sha256"])
    assert alone["probability"] == pytest.approx(together["probability"], abs=1e-5)
    assert (alone["verdict"], alone["kind"]) == (together["verdict"], together["kind"])


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("missing.pdf", None, "no such file"),
        ("empty.pdf", b"", "empty"),
        ("broken.pdf", b"%PDF-1.7\n1 0 obj\n<<", ""),
        ("page.doc", b"\xd0\xcf\x11\xe0 something", "Nothing here reads"),
        ("broken.zip", b"PK\x03\x04 something", "table of contents"),
    ],
)
def test_bad_source_is_a_row_with_its_reason_and_the_rest_is_done(
    name: str, make: bytes | None, reason: str, small_world: Path, plain_settings: Settings, tmp_path: Path
) -> None:
    bad = tmp_path / name
    if make is not None:
        bad.write_bytes(make)
    document = sort(plain_settings, bad, small_world / "a.jpg")
    failed = document["sources"][0]
    assert failed["state"] in ("failed", "empty")
    assert reason.lower() in failed["reason"].lower()
    assert failed["reason"]
    assert document["counts"]["pictures"]["kept"] == 1


def test_killed_run_started_again_ends_with_the_rows_of_an_undisturbed_one(
    small_world: Path, sorted_world: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "medsift.cli", "sort", str(small_world), "--out", str(out)]
    command += [
        "--set",
        "engine=torch_fp32",
        "--set",
        f"volume={tmp_path / 'var'}",
        "--json",
        str(tmp_path / "result.json"),
    ]
    for delay in (1.5, 3.0, 4.5):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
    subprocess.run(command, check=True, capture_output=True)
    again = json.loads((tmp_path / "result.json").read_text())
    assert without_time(again) == without_time(sorted_world)
    assert not list(out.rglob("*.part"))  # what was half-written when it was killed


STEPS = ("plan", "extract", "preprocess", "shard", "embed", "cluster", "score", "ensemble", "report")


def test_every_step_logs_what_came_in_how_fast_it_was_done_and_with_how_much_memory(
    small_world: Path, plain_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "medsift.steps")
    sort(plain_settings, small_world)
    for step in STEPS:
        assert re.search(rf"^.*{step}: \d+ \w+ to do$", caplog.text, re.MULTILINE), step
        ended = rf"{step}: \d+ \w+ in \d+\.\d s \(\d+\.\d a second\), peak memory \d+ MB$"
        assert re.search(ended, caplog.text, re.MULTILINE), step
