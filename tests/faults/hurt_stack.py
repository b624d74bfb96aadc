"""A stack of topology celery that can be hurt, and what an undisturbed run leaves in its tables and files."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from medsift.errors import StackError
from medsift.settings import Settings
from medsift.steps import new_run_id
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.layout import StackLayout
from medsift.topology.postgres import EmbeddedPostgres, Urls
from medsift.topology.processes import processes_of
from medsift.topology.run import DAG
from medsift.topology.stack import client, down, status, up
from medsift.topology.state import StackState
from medsift.volume import Volume
from tests.faults.digests import FILES, digest_of_files, digests, emptied, emptied_of_files, locks_held
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "sample"


@dataclass
class HurtStack:
    """A stack, the sources that are sorted in it again and again, and each time what came of it."""

    settings: Settings
    undisturbed: dict[str, str] = field(default_factory=dict)

    @property
    def layout(self) -> StackLayout:
        return StackLayout.of(Volume(self.settings.volume))

    @property
    def sources(self) -> str:
        inbox = Volume(self.settings.volume).inbox
        return f"{inbox}/papers\n{inbox}/folder"

    @property
    def airflow(self) -> AirflowClient:
        return client(self.settings)

    @property
    def urls(self) -> Urls:
        return EmbeddedPostgres(self.layout.postgres).urls()

    @property
    def state(self) -> StackState:
        state = status(self.settings)
        assert state is not None, "the supervisor is gone"
        return state

    def pid(self, name: str) -> int:
        pid = self.state.pids[name]
        assert pid is not None, f"{name} does not run"
        return pid

    def kill(self, name: str) -> float:
        """End a process of the stack as the kernel does when memory is out; when that was."""
        os.kill(self.pid(name), signal.SIGKILL)
        return time.monotonic()

    def postmaster(self) -> int:
        with psycopg2.connect(self.urls.admin.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_read_file('postmaster.pid')")
            return int(cursor.fetchall()[0][0].splitlines()[0])

    def log(self, name: str) -> str:
        return (self.layout.logs / f"{name}.log").read_text(errors="replace")

    def empty(self) -> None:
        """Remove all rows, and all files that runs share."""
        emptied(self.urls.admin)
        emptied_of_files(self.settings.volume)

    def begin(self, run: str, sources: str = "") -> None:
        """Start a run with nothing there."""
        self.empty()
        self.airflow.trigger(DAG, run, {"sources": sources or self.sources})

    def tasks(self, run: str) -> list[dict[str, Any]]:
        return self.airflow.task_instances(DAG, run)

    def running(self, run: str, task: str, seconds: float = 240) -> dict[str, Any]:
        """The task instance, once a process of its own is at work on it."""
        found: list[dict[str, Any]] = []

        def is_running() -> bool:
            found[:] = [t for t in self.tasks(run) if t["task_id"] == task and t["state"] == "running" and t["pid"]]
            return bool(found)

        assert wait_until(is_running, seconds), [(t["task_id"], t["state"]) for t in self.tasks(run)]
        return found[0]

    def ended(self, run: str, seconds: float = 420) -> str:
        """The state of a run at its end; Airflow may be silent for a while meanwhile."""

        def has_ended() -> bool:
            try:
                return self.airflow.run_state(DAG, run) in ("success", "failed")
            except StackError:
                return False

        assert wait_until(has_ended, seconds, 0.5), self.state
        return self.airflow.run_state(DAG, run)

    def task_log(self, task: Mapping[str, Any], attempt: int) -> str:
        """What a try of a task instance wrote, as Airflow keeps it."""
        instance = f"dag_id={DAG}/run_id={task['dag_run_id']}/task_id={task['task_id']}"
        if task["map_index"] >= 0:
            instance += f"/map_index={task['map_index']}"
        return (self.layout.airflow_home / "logs" / instance / f"attempt={attempt}.log").read_text(errors="replace")

    def tries(self, run: str) -> dict[str, int]:
        """Tasks that took more than one try."""
        return {task["task_id"]: task["try_number"] for task in self.tasks(run) if task["try_number"] > 1}

    def assert_nothing_is_left(self, run: str) -> None:
        """No half-written file, no journal, no process of a task, no lock; and all is up again."""
        assert wait_until(lambda: self.state.phase == "ready", 180), self.state
        volume = Volume(self.settings.volume)
        assert left_behind(volume) == []
        left = [*(volume.run(new_run_id(run)) / "candidates").rglob("*")]
        assert left == [], (sorted((path.stat().st_mtime, str(path)) for path in left), self.tries(run), time.time())
        assert wait_until(lambda: self.strangers() == [], 30), self.strangers()
        assert wait_until(lambda: locks_held(self.urls.admin) == 0, 30)

    def strangers(self) -> list[str]:
        """Processes of the stack that belong to none of those that the supervisor has."""
        known = {self.state.pid, *self.state.pids.values()}
        return [command_of(pid) for pid in processes_of(self.layout.root) if session_of(pid) not in known]

    def left(self, without: tuple[str, ...] = ()) -> dict[str, str]:
        """What runs left: table, or `FILES`, to its digest."""
        return digests(self.urls.admin, without) | {FILES: digest_of_files(self.settings.volume)}

    def assert_as_undisturbed(self, run: str, without: tuple[str, ...] = ()) -> None:
        kept = {name: digest for name, digest in self.undisturbed.items() if name not in without}
        assert self.left(without) == kept
        self.assert_nothing_is_left(run)


def left_behind(volume: Volume) -> list[Path]:
    """Half-written files and journals, those that were on their way out too."""
    names = [*volume.root.rglob("*.part*"), *volume.root.rglob("*.finished")]
    return [path for path in names if "stack" not in path.relative_to(volume.root).parts]


def session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def command_of(pid: int) -> str:
    try:
        return f"{pid} {Path(f'/proc/{pid}/cmdline').read_text().replace(chr(0), ' ')}"
    except OSError:
        return f"{pid} (gone)"


@contextmanager
def hurt_stack(folder: Path) -> Iterator[HurtStack]:
    """The stack, up for the block, after one run that nobody disturbed."""
    subprocess.run([sys.executable, str(ROOT / "tools" / "make_sample.py"), str(SAMPLE)], check=True)
    settings = Settings.load({"volume": str(folder), "topology": "celery"}, environment={})
    volume = Volume(settings.volume)
    volume.prepare()
    volume.settings_file.write_text(
        'engine = "torch_fp32"\nallowed_hosts = ["127.0.0.1"]\nhttp_timeout_s = 3.0\nkeep_dicom_paths = true\n'
    )
    for name in ("papers", "folder"):
        shutil.copytree(SAMPLE / name, volume.inbox / name)
    stack = HurtStack(settings)
    try:
        up(settings, lambda what: None)
        stack.begin("undisturbed")
        assert stack.ended("undisturbed") == "success"
        stack.undisturbed.update(stack.left())
        yield stack
    finally:
        down(settings)
        EmbeddedPostgres(stack.layout.postgres).remove()
