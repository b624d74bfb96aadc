"""What `make run` says of its steps where no terminal shows it: in a log, or through a pipe."""

import pytest

from medsift.cli._run_progress import RunProgress
from medsift.topology.progress import StepState


def test_a_finished_step_is_one_line_however_much_it_has_counted(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {f"some_voter_{number}": 47 for number in range(12)}
    with RunProgress() as progress:
        progress.tell("sorting " + "a source with a long name " * 5)
        for _ in range(2):
            progress.show([StepState("score", done=1, total=1, counts=counts, seconds=2.7), StepState("publish")])
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("stack: sorting a source")
    assert second.startswith("score: 2.7 s  some voter 0 47, ")
    assert second.endswith(", some voter 11 47")
