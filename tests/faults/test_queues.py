"""Topology celery: which worker does what, and that both look after the same run."""

import re
from pathlib import Path

import pytest

from tests.faults.conftest import HurtStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def tasks_in(log: str) -> set[str]:
    return set(re.findall(r"Executing workload in Celery: .*?task_id=(\w+)", log))


def test_the_logs_prove_that_embed_ran_on_the_gpu_worker_and_nothing_else_did(hurt: HurtStack) -> None:
    everything = {task["task_id"] for task in hurt.tasks("undisturbed")}
    assert tasks_in(hurt.log("worker-gpu")) == {"embed"}
    assert tasks_in(hurt.log("worker")) == everything - {"embed"}


def test_no_process_that_outlives_a_task_has_loaded_torch(hurt: HurtStack) -> None:
    """So each task that uses CUDA does so in a process that was forked before anything had touched it."""
    for name in ("worker", "worker-gpu"):
        assert "libtorch" not in Path(f"/proc/{hurt.pid(name)}/maps").read_text()


def test_status_shows_redis_and_both_workers(hurt: HurtStack) -> None:
    assert list(hurt.state.pids) == ["worker", "worker-gpu", "scheduler", "dag-processor", "api-server", "redis"]
    assert hurt.state.phase == "ready"
