"""What `make` does where nothing is set up yet."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("target", ["status", "down"])
def test_to_ask_for_the_stack_or_to_stop_it_sets_nothing_up(target: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    command = ["make", "--no-print-directory", target, "PYTHON=false"]  # which a make within a make would print
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "Nothing is set up.\n"), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]
