"""Parts of topology celery that need no Airflow: Redis by itself, what is missing, the environment."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from medsift.errors import StackError
from medsift.settings import MARKER, Settings
from medsift.topology.broker import Broker, require_celery
from medsift.topology.environment import airflow_environment
from medsift.topology.layout import StackLayout, ensure_secrets
from medsift.topology.processes import Process, free_port, processes_of
from medsift.topology.roster import roster
from medsift.topology.stack import up
from tests.waiting import wait_until

IN_OWN_GROUP = "import os, time; os.setpgid(0, 0); time.sleep(600)"
PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); time.sleep(600)"


@pytest.fixture
def environment(layout: StackLayout) -> dict[str, str]:
    return {MARKER: str(layout.root), "AIRFLOW_HOME": str(layout.airflow_home)}


@pytest.fixture
def started(layout: StackLayout, environment: dict[str, str]) -> Iterator[tuple[Broker, Process]]:
    broker = Broker(layout, free_port(), ensure_secrets(layout).broker_password)
    process = broker.process(environment)
    process.start()
    broker.wait_until_it_answers(process)
    yield broker, process
    process.kill_session()


def connected(broker: Broker, password: str | None) -> redis.Redis:
    return redis.Redis("127.0.0.1", broker.port, password=password)


def test_redis_keeps_what_is_queued_when_it_is_killed(started: tuple[Broker, Process]) -> None:
    broker, process = started
    connected(broker, broker.password).rpush("gpu", "a task")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert broker._ping(["default@medsift"]) == [], "it may die between the question to it and that to its workers"
    assert wait_until(lambda: broker.signs() == {}, 15.0, every_s=0.05)
    assert wait_until(process.keep, 15.0, every_s=0.05)
    assert wait_until(lambda: "redis" in broker.signs(), 15.0, every_s=0.05)
    assert connected(broker, broker.password).lrange("gpu", 0, -1) == [b"a task"]


def test_redis_wants_its_password_and_listens_on_loopback_alone(started: tuple[Broker, Process]) -> None:
    broker, _ = started
    with pytest.raises(redis.AuthenticationError):
        connected(broker, None).ping()
    hex_port = f"{broker.port:04X}"
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if " 0A " in line]
    assert [address for address in listening if address.endswith(f":{hex_port}")] == [f"0100007F:{hex_port}"]


@pytest.mark.parametrize("name", ["with blanks", 'with "quotes" and \\n', "größer"])
def test_the_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    layout = StackLayout(tmp_path / name)
    layout.prepare()
    broker = Broker(layout, free_port(), ensure_secrets(layout).broker_password)
    process = broker.process({MARKER: str(layout.root), "AIRFLOW_HOME": str(layout.airflow_home)})
    process.start()
    try:
        broker.wait_until_it_answers(process)
        assert (layout.broker / "appendonlydir").is_dir()
    finally:
        process.kill_session()


def test_its_password_stands_in_a_private_file_and_on_no_command_line(started: tuple[Broker, Process]) -> None:
    broker, process = started
    assert (broker.layout.broker / "redis.conf").stat().st_mode & 0o777 == 0o600
    assert broker.password not in Path(f"/proc/{process.pid}/cmdline").read_text()
    assert broker.password not in process.log.read_text()
    assert broker.password not in repr(broker)


def test_a_sweep_finds_redis_by_the_marker_of_the_stack(layout: StackLayout, started: tuple[Broker, Process]) -> None:
    _, process = started
    assert processes_of(layout.root) == [process.pid]


def test_a_redis_that_cannot_start_is_one_sentence_with_its_reason(
    layout: StackLayout, environment: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broker = Broker(layout, taken.getsockname()[1], "password")
        process = broker.process(environment)
        process.start()
        with pytest.raises(StackError, match=r"^Redis died: .*Failed listening on port"):
            broker.wait_until_it_answers(process)
        process.kill_session()


def test_without_redis_up_is_one_sentence_that_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = Settings.load({"volume": str(tmp_path / "var"), "topology": "celery"}, environment={})
    with pytest.raises(StackError, match=r"there is no redis-server here\. On Debian or Ubuntu: apt-get install"):
        up(settings, lambda what: None)
    assert not (tmp_path / "var").exists()


def test_without_its_packages_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(StackError, match=r"Install them with: \.venv/bin/pip install -r requirements-celery\.txt"):
        require_celery()


def test_with_a_broker_tasks_run_in_celery_and_their_results_lie_in_airflows_database(layout: StackLayout) -> None:
    environment = airflow_environment(
        layout,
        ensure_secrets(layout),
        port=1,
        airflow_url="postgresql+psycopg2://a",
        product={},
        broker_url="redis://b",
    )
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert environment["AIRFLOW__CELERY__BROKER_URL"] == "redis://b"
    assert environment["AIRFLOW__CELERY__RESULT_BACKEND"] == "db+postgresql+psycopg2://a"


def test_only_topology_celery_has_workers(layout: StackLayout) -> None:
    names = {with_celery: [role.name for role in roster(layout, with_celery=with_celery)] for with_celery in (0, 1)}
    assert names[0] == ["scheduler", "dag-processor", "api-server"]
    assert names[1] == ["worker", "worker-gpu", *names[0]]


def test_a_stack_of_an_older_version_gets_the_secret_that_it_lacks_and_keeps_the_others(layout: StackLayout) -> None:
    first = ensure_secrets(layout)
    kept = json.loads(layout.secrets.read_text())
    del kept["broker_password"]
    layout.secrets.write_text(json.dumps(kept))
    second = ensure_secrets(layout)
    assert second.fernet_key == first.fernet_key
    assert len(second.broker_password) >= 32 and second.broker_password != first.broker_password
    assert ensure_secrets(layout) == second


def test_what_went_into_a_group_of_its_own_ends_with_the_process_that_died(
    layout: StackLayout, environment: dict[str, str]
) -> None:
    process = Process("p", [sys.executable, "-c", PARENT, IN_OWN_GROUP], environment, layout.logs / "p.log")
    process.start()
    assert wait_until(lambda: len(processes_of(layout.root)) == 2, 15.0, every_s=0.05)
    time.sleep(0.3)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert wait_until(lambda: process.pid is None, 15.0, every_s=0.05)
    process.keep()
    assert wait_until(lambda: processes_of(layout.root) == [], 15.0, every_s=0.05)
