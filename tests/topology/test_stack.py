"""The embedded stack in earnest: PostgreSQL and Airflow started, hurt, watched, stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import requests

from medsift.settings import Settings
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.layout import StackLayout, ensure_secrets
from medsift.topology.postgres import EmbeddedPostgres
from medsift.topology.processes import free_port, processes_of
from medsift.topology.stack import client, down, status, up
from medsift.volume import Volume
from tests.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
MEDSIFT = Path(sys.executable).with_name("medsift")


def settings_of(folder: Path) -> Settings:
    return Settings.load({"volume": str(folder)}, environment={})


def layout_of(settings: Settings) -> StackLayout:
    return StackLayout.of(Volume(settings.volume))


def medsift(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"MEDSIFT_VOLUME": str(settings.volume)}
    return subprocess.run([MEDSIFT, *arguments], env=environment, capture_output=True, text=True, check=False)


def is_ready(settings: Settings) -> bool:
    state = status(settings)
    return state is not None and state.phase == "ready"


def database_of(settings: Settings) -> EmbeddedPostgres:
    return EmbeddedPostgres(layout_of(settings).postgres)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A stack that is up."""
    settings = settings_of(tmp_path_factory.mktemp("first") / "var")
    done = medsift(settings, "stack", "up")
    assert done.returncode == 0, done.stderr
    (settings.volume / "up.txt").write_text(done.stdout)
    yield settings
    down(settings)


def test_up_ends_with_the_lines_that_say_where_everything_is(stack: Settings) -> None:
    lines = (stack.volume / "up.txt").read_text().splitlines()[-4:]
    said = dict(line.split(": ", 1) for line in lines)
    assert list(said) == ["address", "user", "password file", "database"]
    password = json.loads(Path(said["password file"]).read_text())[said["user"]]
    answer = requests.post(
        f"{said['address']}/auth/token", json={"username": said["user"], "password": password}, timeout=30
    )
    assert answer.status_code == 201
    with psycopg2.connect(said["database"].replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM picture_labels")
        assert cursor.fetchone() == (0,)


def test_status_tells_state_processes_guards_and_addresses(stack: Settings) -> None:
    done = medsift(stack, "stack", "status", "--set", "child_memory_mb=1024")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "state: ready"
    assert [line.split(":")[0] for line in lines[1:4]] == ["scheduler", "dag-processor", "api-server"]
    assert lines[4].startswith("guards of processes that open files: 120 s and 2048 MB of answers a call, 1024 MB of")
    assert [line.split(":")[0] for line in lines[5:]] == ["address", "user", "password file", "database"]


def test_the_dag_is_there_unpaused_and_the_gpu_pool_has_one_slot(stack: Settings) -> None:
    airflow = client(stack)
    assert airflow.import_errors() == []
    assert airflow._call("GET", "/dags/medsift_sort")["is_paused"] is False
    assert airflow._call("GET", "/pools/gpu")["slots"] == 1


def test_a_first_start_runs_nothing_of_the_past(stack: Settings) -> None:
    assert client(stack)._call("GET", "/dags/medsift_sort/dagRuns")["total_entries"] == 0


def test_a_second_up_is_one_sentence_that_says_what_to_do(stack: Settings) -> None:
    done = medsift(stack, "stack", "up")
    assert done.returncode == 1
    assert done.stderr == "medsift: The stack is up already. `make status` shows it, `make down` stops it.\n"


def test_only_loopback_is_listened_on(stack: Settings) -> None:
    marked = set(processes_of(layout_of(stack).root))
    sockets = {link for pid in marked for link in sockets_of(pid)}
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {fields[1].split(":")[0] for fields in listening if fields[3] == "0A" and fields[9] in sockets}
    assert addresses == {"0100007F"}
    assert not any(
        line.split()[9] in sockets for line in Path("/proc/net/tcp6").read_text().splitlines()[1:] if " 0A " in line
    )


def sockets_of(pid: int) -> Iterator[str]:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]


@pytest.mark.parametrize("name", ["scheduler", "dag-processor", "api-server"])
def test_a_process_that_is_killed_is_started_again_and_nothing_of_it_stays(stack: Settings, name: str) -> None:
    before = status(stack)
    assert before is not None
    pid = before.pids[name]
    assert pid is not None
    group = [one for one in processes_of(layout_of(stack).root) if os.getpgid(one) == pid]
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not is_ready(stack), 20.0)
    assert wait_until(lambda: is_ready(stack), 90.0), status(stack)
    after = status(stack)
    assert after is not None
    assert after.restarts[name] == before.restarts[name] + 1
    assert not set(group) & set(processes_of(layout_of(stack).root))
    assert "metadatabase" in client(stack).health()


def test_a_stack_that_is_ready_takes_tasks_and_one_that_is_away_does_not(stack: Settings) -> None:
    assert client(stack).takes_tasks()
    assert not AirflowClient(f"http://127.0.0.1:{free_port()}").takes_tasks()


def test_a_database_that_is_killed_comes_back_and_airflow_with_it(stack: Settings) -> None:
    first = postmaster(stack)
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: not is_ready(stack), 20.0)
    assert wait_until(lambda: is_ready(stack), 90.0), status(stack)
    assert postmaster(stack) != first
    assert wait_until(lambda: "scheduler" in client(stack).health(), 90.0)


def postmaster(settings: Settings) -> int:
    url = database_of(settings).urls().admin.replace("+psycopg2", "")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_read_file('postmaster.pid')")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0].splitlines()[0])


@pytest.mark.long
def test_two_stacks_live_side_by_side_and_one_goes_without_the_other(
    stack: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = settings_of(tmp_path_factory.mktemp("second") / "var")
    state = up(other, lambda what: None)
    try:
        first = status(stack)
        assert first is not None and first.phase == "ready"
        assert state.address != first.address
        assert not set(processes_of(layout_of(other).root)) & set(processes_of(layout_of(stack).root))
    finally:
        assert down(other)
    assert processes_of(layout_of(other).root) == []
    assert not database_of(other).is_running()
    assert is_ready(stack)
    assert "scheduler" in client(stack).health()


def test_no_secret_stands_in_a_log_or_on_a_command_line(stack: Settings) -> None:
    layout = layout_of(stack)
    server = json.loads((layout.postgres / "server.json").read_text())
    secrets = {*vars(ensure_secrets(layout)).values(), *server["passwords"].values()}
    texts = [path.read_text(errors="replace") for path in layout.logs.rglob("*") if path.is_file()]
    texts += [path.read_text(errors="replace") for path in (layout.airflow_home / "logs").rglob("*.log")]
    texts += [Path(f"/proc/{pid}/cmdline").read_text() for pid in processes_of(layout.root)]
    assert not [secret for secret in secrets for text in texts if secret in text]


def test_a_supervisor_that_is_killed_takes_airflow_with_it_and_down_ends_the_rest(stack: Settings) -> None:
    before = status(stack)
    assert before is not None
    os.kill(before.pid, signal.SIGKILL)
    assert wait_until(lambda: status(stack) is None, 10.0)
    assert down(stack)
    assert processes_of(layout_of(stack).root) == []
    assert not database_of(stack).is_running()
    assert medsift(stack, "stack", "status").returncode == 1


def test_after_such_an_end_the_stack_comes_up_and_goes_down_as_ever(stack: Settings) -> None:
    up(stack, lambda what: None)
    assert is_ready(stack)
    done = medsift(stack, "stack", "down")
    assert (done.returncode, done.stdout) == (0, "The stack is down.\n")
    assert processes_of(layout_of(stack).root) == []
    assert not database_of(stack).is_running()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_run_that_is_interrupted_stops_what_it_started(stack: Settings, number: signal.Signals) -> None:
    environment = os.environ | {"MEDSIFT_VOLUME": str(stack.volume)}
    command = [str(MEDSIFT), "stack", "run", str(stack.volume / "nothing.pdf")]
    down(stack)
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        assert any(line.startswith("plan:") for line in run.stderr)
        run.send_signal(number)
        assert run.wait(60) == 130
        assert run.stderr.read().splitlines()[-1] == "medsift: interrupted; what was done is kept."
    assert processes_of(layout_of(stack).root) == []
    assert not database_of(stack).is_running()
