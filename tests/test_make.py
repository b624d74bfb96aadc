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


def test_secrets_for_docker_are_written_without_any_set_up(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "tools" / "make_secrets.py", tmp_path / "tools")
    command = ["make", "--no-print-directory", "secrets", "GPU=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "COMPOSE_PROFILES=gpu\nMEDSIFT_CPU_QUEUES=default\n" in (tmp_path / ".env").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "Makefile", "tools"]


@pytest.mark.parametrize(("topology", "is_celery"), [("celery", True), ("local", False), ("", False)])
def test_packages_of_celery_are_installed_only_where_they_are_needed(topology: str, is_celery: bool) -> None:
    command = ["make", "--no-print-directory", "--dry-run", "--always-make", "up", f"TOPOLOGY={topology}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ("requirements-celery.txt" in done.stdout) == is_celery, done.stdout
    assert ("stack up --set topology=celery" in done.stdout) == is_celery
