"""benchmarks/gpu.py goes the same way on a CPU, so that it holds when a GPU is there; its figures fit together."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("gpu") / "gpu.json"
    done = run("--device", "cpu", "--pictures", 8, "--batch", 4, "--seconds", 0.5, "--json", file)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.mark.long
def test_every_part_is_measured_and_the_slowest_is_named(document):
    rates = document["pictures_per_second"]
    assert set(rates) == {"decode", "transfer", "forward", "end_to_end"}
    assert min(rates.values()) > 0
    slowest = rates[document["bottleneck"]]
    assert slowest == min(rates[part] for part in ("decode", "transfer", "forward"))
    assert document["end_to_end_share_of_bottleneck"] == pytest.approx(rates["end_to_end"] / slowest, rel=0.05)


@pytest.mark.long
def test_the_forward_pass_is_set_against_the_limit(document):
    limit, forward = document["limit"], document["pictures_per_second"]["forward"]
    assert limit["pictures_per_second"] == pytest.approx(limit["tflops"] * 1e12 / 8.82e9, rel=0.01)
    assert document["forward_share_of_limit"] == pytest.approx(forward / limit["pictures_per_second"], rel=0.05)


@pytest.mark.long
def test_goals_of_other_machines_are_neither_met_nor_missed(document):
    assert [goal["is_met"] for goal in document["goals"]] == [None, None]


def test_without_a_gpu_it_is_one_sentence_and_status_2():
    import torch

    if torch.cuda.is_available():
        pytest.skip("torch finds a GPU")
    done = run()
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "--device cpu" in done.stderr


def test_an_engine_that_the_device_has_not_is_one_sentence_and_status_2():
    done = run("--device", "cpu", "--engine", "torch_fp16")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "torch_bf16, torch_fp32" in done.stderr


def test_the_card_gives_the_limit_and_an_unknown_one_none():
    from cards import known_card

    assert known_card("NVIDIA H100 80GB HBM3").tflops == 989
    assert known_card("Some Card 9000") is None
