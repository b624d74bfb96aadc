"""Topology celery: which worker does what, and that both look after the same run."""

import json
import re
from pathlib import Path

import pytest

from medsift.topology.layout import ensure_secrets
from medsift.topology.processes import processes_of
from tests.faults.hurt_stack import HurtStack

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


def test_no_secret_stands_in_a_log_or_on_a_command_line(hurt: HurtStack) -> None:
    server = json.loads((hurt.layout.postgres / "server.json").read_text())
    secrets = {*vars(ensure_secrets(hurt.layout)).values(), *server["passwords"].values()}
    assert len(secrets) == 10
    texts = [path.read_text(errors="replace") for path in hurt.layout.root.rglob("*.log")]
    texts += [Path(f"/proc/{pid}/cmdline").read_text() for pid in processes_of(hurt.layout.root)]
    assert len(texts) > 20
    assert not [secret for secret in secrets for one in texts if secret in one]


def test_only_loopback_is_listened_on(hurt: HurtStack) -> None:
    links = {link for pid in processes_of(hurt.layout.root) for link in Path(f"/proc/{pid}/fd").iterdir()}
    ours = {str(link.readlink())[8:-1] for link in links if link.exists() or link.is_symlink()}
    for table, loopback in (("tcp", {"0100007F"}), ("tcp6", set())):
        lines = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
        listening = {fields[1].split(":")[0] for fields in lines if fields[3] == "0A" and fields[9] in ours}
        assert listening <= loopback
