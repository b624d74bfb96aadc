"""Topology celery: which worker does what; and hurt at work, a run ends with the rows of an undisturbed one.

All in one file, so that one stack serves them: it takes two minutes to come up and sort undisturbed.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from medsift.store.roles import autocommit
from medsift.topology.layout import ensure_secrets
from medsift.topology.processes import processes_of
from tests.faults.digests import OF_RUNS
from tests.faults.hurt_stack import HurtStack
from tests.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
Note = Callable[[str, float], None]


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


def recovered(hurt: HurtStack, run: str, name: str, killed: float, noted: Note) -> None:
    """Wait for the process to be started again, then for the run; note how long both took."""
    before = hurt.state.restarts[name]
    assert wait_until(lambda: hurt.state.restarts[name] > before or hurt.state.phase == "recovering", 60)
    noted(f"{name} killed, noticed after", time.monotonic() - killed)
    assert hurt.ended(run) == "success", hurt.tasks(run)
    noted(f"{name} killed, run ended after", time.monotonic() - killed)
    assert f"{name} had died; it is started again" in hurt.log("supervisor")


def test_a_task_that_is_killed_is_tried_again(hurt: HurtStack, noted: Note) -> None:
    hurt.begin("task")
    task = hurt.running("task", "embed")
    os.kill(task["pid"], signal.SIGKILL)
    killed = time.monotonic()
    assert wait_until(lambda: any(task["state"] == "up_for_retry" for task in hurt.tasks("task")), 90)
    noted("task killed, noticed after", time.monotonic() - killed)
    assert hurt.ended("task") == "success"
    noted("task killed, run ended after", time.monotonic() - killed)
    assert hurt.tries("task") == {"embed": 2}
    assert "Process terminated by signal" in hurt.task_log(task, 1)
    hurt.assert_as_undisturbed("task")


@pytest.mark.long
def test_the_gpu_worker_is_killed_with_its_task(hurt: HurtStack, noted: Note) -> None:
    hurt.begin("worker-gpu")
    task = hurt.running("worker-gpu", "embed")
    killed = hurt.kill("worker-gpu")
    recovered(hurt, "worker-gpu", "worker-gpu", killed, noted)
    assert not os.path.exists(f"/proc/{task['pid']}")  # noqa: PTH110
    assert hurt.tries("worker-gpu") == {"embed": 2}
    hurt.assert_as_undisturbed("worker-gpu")


@contextmanager
def publish_held_up(hurt: HurtStack) -> Iterator[Callable[[], bool]]:
    """A lock on which publish has to wait once its pictures are committed; whether it waits."""
    address = hurt.urls.admin.replace("+psycopg2", "")
    with psycopg2.connect(address) as holder, psycopg2.connect(address) as watcher:
        watcher.autocommit = True

        def is_waiting() -> bool:
            with watcher.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sources'::regclass")
                return bool(cursor.fetchall()[0][0])

        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE sources IN EXCLUSIVE MODE")
        yield is_waiting


def test_postgres_is_killed_in_mid_publish(hurt: HurtStack, noted: Note) -> None:
    hurt.begin("postgres")
    hurt.running("postgres", "ensemble")  # what comes before it writes to sources too
    # The lock is held until the death is noticed; whether its own end then meets a live backend is chance.
    with suppress(psycopg2.Error), publish_held_up(hurt) as is_waiting:
        assert wait_until(is_waiting, 120, 0.05)
        os.kill(hurt.postmaster(), signal.SIGKILL)
        killed = time.monotonic()
        assert wait_until(lambda: hurt.state.phase == "recovering", 60)
        noted("Postgres killed, noticed after", time.monotonic() - killed)
    assert hurt.ended("postgres") == "success"
    noted("Postgres killed, run ended after", time.monotonic() - killed)
    assert "publish" in hurt.tries("postgres")
    assert "the database is gone; it is started again" in hurt.log("supervisor")
    hurt.assert_as_undisturbed("postgres")


@pytest.mark.long
@pytest.mark.parametrize("name", ["scheduler", "api-server", "worker", "dag-processor"])
def test_a_process_is_killed_while_a_task_runs(hurt: HurtStack, name: str, noted: Note) -> None:
    run = f"killed-{name}"
    hurt.begin(run)
    hurt.running(run, "extract")
    recovered(hurt, run, name, hurt.kill(name), noted)
    hurt.assert_as_undisturbed(run)


@pytest.mark.long
def test_an_api_server_that_is_gone_for_half_a_minute_fails_no_run(hurt: HurtStack) -> None:
    hurt.begin("no-api")
    hurt.running("no-api", "extract")
    ends, first = time.monotonic() + 30, hurt.pid("api-server")
    while time.monotonic() < ends:
        with suppress(ProcessLookupError):
            if pid := hurt.state.pids["api-server"]:
                os.kill(pid, signal.SIGKILL)
        time.sleep(1)
    assert wait_until(lambda: hurt.state.pids["api-server"] not in (None, first), 60)
    assert hurt.ended("no-api") == "success"
    hurt.assert_as_undisturbed("no-api")
    hurt.assert_nothing_is_left("no-api")


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_redis_goes_and_comes_back_with_what_was_queued(hurt: HurtStack, number: signal.Signals, noted: Note) -> None:
    run = f"redis-{number.name}"
    hurt.begin(run)
    hurt.running(run, "extract")
    os.kill(hurt.pid("redis"), number)
    recovered(hurt, run, "redis", time.monotonic(), noted)
    hurt.assert_as_undisturbed(run)


@contextmanager
def small_file_system(volume: Path, aside: Path, room: int) -> Iterator[Callable[[str], None]]:
    """The volume, but for the stack's own files, with so many bytes of room for the block; what mounts it anew.

    Only who is root may do so. In no namespace of its own: the stack that is hurt is at work already.
    """

    def mount(*how: str) -> None:
        subprocess.run(["mount", *how], check=True)

    aside.mkdir()
    mount("--bind", str(volume), str(aside))
    mount("-t", "tmpfs", "none", str(volume))
    try:
        (volume / "stack").mkdir()
        mount("--bind", str(aside / "stack"), str(volume / "stack"))
        shutil.copytree(aside, volume, symlinks=True, dirs_exist_ok=True, ignore=lambda _, names: {"stack"} & {*names})
        found = os.statvfs(volume)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        mount("-o", f"remount,size={used + room}", str(volume))
        yield lambda options: mount("-o", f"remount,{options}", str(volume))
    finally:
        for place in (volume / "stack", volume, aside):
            subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.long
def test_tasks_on_a_full_and_then_a_read_only_volume_say_so_and_go_on_once_it_is_mended(
    hurt: HurtStack, tmp_path: Path, noted: Note
) -> None:
    def failed(attempt: int) -> list[dict[str, Any]]:
        return [t for t in hurt.tasks("full") if t["state"] == "up_for_retry" and t["try_number"] == attempt]

    def assert_said(reason: str, attempt: int) -> None:
        assert wait_until(lambda: failed(attempt), 180), hurt.tasks("full")
        assert reason in hurt.task_log(failed(attempt)[0], attempt)

    hurt.empty()  # before the room is counted
    with small_file_system(hurt.settings.volume, tmp_path / "aside", 300_000) as mount_anew:
        hurt.begin("full")
        assert_said("No space left on device.", 1)
        mount_anew("ro")
        assert_said("Read-only file system.", 2)
        mount_anew("rw,size=300m")
        mended = time.monotonic()
        assert hurt.ended("full") == "success", hurt.tasks("full")
        noted("volume mended, run ended after", time.monotonic() - mended)
        assert max(hurt.tries("full").values()) == 3
        hurt.assert_as_undisturbed("full")


@pytest.mark.long
def test_two_runs_at_once_on_the_same_sources_leave_every_row_once(hurt: HurtStack) -> None:
    hurt.begin("first-of-two")
    hurt.airflow.trigger("medsift_sort", "second-of-two", {"sources": hurt.sources})
    assert [hurt.ended(run) for run in ("first-of-two", "second-of-two")] == ["success", "success"]
    hurt.assert_as_undisturbed("first-of-two", without=OF_RUNS)
    hurt.assert_nothing_is_left("second-of-two")


@pytest.mark.long
def test_a_source_that_hangs_is_a_row_and_costs_the_others_nothing(hurt: HurtStack, noted: Note) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kept = []
        threading.Thread(target=lambda: [kept.append(silent.accept()[0]) for _ in range(9)], daemon=True).start()
        begun = time.monotonic()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/hangs"
        hurt.begin("hangs", f"{hurt.sources}\n{address}")
        assert hurt.ended("hangs") == "success"
        noted("run with a source that hangs, ended after", time.monotonic() - begun)
    with psycopg2.connect(hurt.urls.reader.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT state, reason FROM sources WHERE source = %s", [address])
        ((state, reason),) = cursor.fetchall()
    assert (state, reason) == ("failed", f"The server of {address} did not answer in time.")
    with autocommit(hurt.urls.admin) as cursor:
        cursor.execute("DELETE FROM sources WHERE source = %s", [address])
    hurt.assert_as_undisturbed("hangs", without=("runs",))  # which counts it
