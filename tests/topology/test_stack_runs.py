"""How runs of the DAG behave in the real stack: empty, refused, nightly, with a lost batch, from the terminal."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from PIL import Image

from medsift.settings import Settings
from medsift.steps import new_run_id
from medsift.steps.profile import current_profile, prompt_set
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.postgres import EmbeddedPostgres
from medsift.topology.progress import DAG
from medsift.topology.stack import client, down, status
from medsift.volume import Volume
from tests.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
MEDSIFT = Path(sys.executable).with_name("medsift")


@dataclass
class SlowServer:
    """Answers only once it is released."""

    address: str
    released: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)


@pytest.fixture(scope="module")
def slow_server() -> Iterator[SlowServer]:
    slow = SlowServer("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            slow.asked.set()
            slow.released.wait(300)
            self.send_error(404)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        slow.address = f"127.0.0.1:{server.server_port}"
        yield slow
        slow.released.set()
        server.shutdown()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, slow_server: SlowServer) -> dict[str, str]:
    return os.environ | {
        "MEDSIFT_VOLUME": str(tmp_path_factory.mktemp("runs") / "var"),
        "MEDSIFT_ALLOWED_HOSTS": slow_server.address,
        "MEDSIFT_HTTP_TIMEOUT_S": "300",
    }


@pytest.fixture(scope="module")
def settings(environment: dict[str, str]) -> Iterator[Settings]:
    """Settings of a stack that is up."""
    subprocess.run([MEDSIFT, "stack", "up"], env=environment, check=True, capture_output=True)
    settings = Settings.load({"volume": environment["MEDSIFT_VOLUME"]}, environment={})
    yield settings
    down(settings)


@pytest.fixture
def airflow(settings: Settings) -> AirflowClient:
    return client(settings)


def ended(airflow: AirflowClient, run: str) -> str:
    assert wait_until(lambda: airflow.run_state(DAG, run) in ("success", "failed"), 180.0, every_s=0.3)
    return airflow.run_state(DAG, run)


def states(airflow: AirflowClient, run: str) -> dict[str, str]:
    return {
        task["task_id"] + (f"[{task['map_index']}]" if task["map_index"] >= 0 else ""): task["state"]
        for task in airflow.task_instances(DAG, run)
    }


def result(settings: Settings, run: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Volume(settings.volume).report(new_run_id(run)) / "result.json").read_text())
    return document


def rows(settings: Settings, query: str, **values: str) -> list[tuple[Any, ...]]:
    url = EmbeddedPostgres(Volume(settings.volume).stack / "postgres").urls().reader.replace("+psycopg2", "")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def state_of(settings: Settings, run_id: str) -> tuple[str, bool]:
    """What the row of a run says: its state, and whether it has ended."""
    ((state, has_ended),) = rows(
        settings, "SELECT state, finished_at IS NOT NULL FROM runs WHERE id = %(run)s", run=run_id
    )
    return state, has_ended


def make_pictures(folder: Path, count: int, suffix: str = "png", side: int = 32) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        noise = random.Random(number).randbytes(side * side * 3)  # noqa: S311  a seed makes the same pictures
        Image.frombytes("RGB", (side, side), noise).save(folder / f"{number:04d}.{suffix}")


def test_a_run_with_nothing_new_is_green_with_zeros_and_skips_nothing(
    settings: Settings, airflow: AirflowClient
) -> None:
    airflow.trigger(DAG, "empty", {})
    assert ended(airflow, "empty") == "success"
    assert set(states(airflow, "empty").values()) == {"success"}
    counts = result(settings, "empty")["counts"]
    assert {number for group in counts.values() for number in group.values()} == {0}


REFUSED = {
    "outside": ({"sources": "/etc/hostname"}, "The path /etc/hostname is outside the folders that runs may read"),
    # REST takes any name: no run may give itself other roots.
    "rooted": ({"sources": "/etc/hostname", "source_roots": ["/"]}, "A run has no Param source_roots."),
    "prompts": ({"prompt_set": "nonsense"}, "Setting prompt_set = 'nonsense': allowed is"),
}


@pytest.mark.parametrize("run", REFUSED)
def test_what_no_run_may_ask_for_fails_the_plan_at_once_with_one_sentence(airflow: AirflowClient, run: str) -> None:
    conf, sentence = REFUSED[run]
    airflow.trigger(DAG, run, conf)
    assert ended(airflow, run) == "failed"
    (plan,) = (task for task in airflow.task_instances(DAG, run) if task["task_id"] == "plan")
    assert plan["try_number"] == 1
    assert airflow.error_of(DAG, run, plan).startswith(sentence)
    assert set(states(airflow, run).values()) == {"failed", "upstream_failed"}


def test_a_lost_batch_leaves_the_others_published_and_the_run_red(settings: Settings, airflow: AirflowClient) -> None:
    run = "lost-batch"
    make_pictures(settings.volume / "inbox" / "many", 102, "pdf", 96)  # a batch holds 100
    blocked = Volume(settings.volume).candidates(new_run_id(run), "0001")
    blocked.parent.mkdir(parents=True)
    blocked.touch()  # a file where a folder is needed: this batch cannot be extracted
    airflow.trigger(DAG, run, {"sources": str(settings.volume / "inbox" / "many")})
    assert wait_until(lambda: states(airflow, run).get("extract[1]") == "up_for_retry", 180.0, every_s=0.3)
    instance = f"/dags/{DAG}/dagRuns/{run}/taskInstances/extract/1"
    airflow._call("PATCH", instance, {"new_state": "failed"})
    assert ended(airflow, run) == "failed"
    after = states(airflow, run)
    assert (after["preprocess[0]"], after["preprocess[1]"]) == ("success", "upstream_failed")
    assert {name for name, state in after.items() if state == "failed"} == {"extract[1]", "report"}
    (report,) = (task for task in airflow.task_instances(DAG, run) if task["task_id"] == "report")
    assert airflow.error_of(DAG, run, report).startswith("Batches that never finished: 0001")
    names = {task["rendered_map_index"] for task in airflow.task_instances(DAG, run) if task["task_id"] == "preprocess"}
    assert "0000.pdf and 50 more" in names
    sources = result(settings, run)["counts"]["sources"]
    assert (sources["given"], sources["done"], sources["failed"]) == (102, 51, 51)
    assert rows(settings, "SELECT count(*) FROM run_pictures WHERE run_id = %(run)s", run=new_run_id(run)) == [(51,)]
    assert state_of(settings, new_run_id(run)) == ("failed", True)


def test_a_run_whose_task_fails_for_good_is_recorded_as_failed(settings: Settings, airflow: AirflowClient) -> None:
    run = "broken-step"
    pictures = settings.volume / "uploads" / run
    make_pictures(pictures, 1)
    words = current_profile(settings).words
    damaged = Volume(settings.volume).prompt_vectors(words.digest, prompt_set(settings).digest)
    damaged.parent.mkdir(exist_ok=True)
    damaged.write_bytes(b"no vectors")
    try:
        airflow.trigger(DAG, run, {"sources": str(pictures)})
        assert ended(airflow, run) == "failed"
    finally:
        damaged.unlink()
    assert "failed" in states(airflow, run).values()
    assert wait_until(lambda: state_of(settings, new_run_id(run)) == ("failed", True), 30.0, every_s=0.3)


def test_a_run_that_is_interrupted_at_the_terminal_is_recorded_so(
    settings: Settings, environment: dict[str, str], slow_server: SlowServer
) -> None:
    command = [MEDSIFT, "stack", "run", f"http://{slow_server.address}/"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        assert slow_server.asked.wait(120)
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
    slow_server.asked.clear()
    newest = "SELECT state, finished_at IS NOT NULL FROM runs ORDER BY started_at DESC LIMIT 1"
    assert rows(settings, newest) == [("interrupted", True)]


def test_a_run_that_is_stopped_in_airflow_does_not_stay_at_running(
    settings: Settings, airflow: AirflowClient, slow_server: SlowServer
) -> None:
    slow_server.asked.clear()
    airflow.trigger(DAG, "stopped", {"sources": f"http://{slow_server.address}/"})
    assert slow_server.asked.wait(120)
    assert state_of(settings, new_run_id("stopped")) == ("running", False)
    airflow.stop_run(DAG, "stopped")
    slow_server.asked.clear()
    assert wait_until(lambda: state_of(settings, new_run_id("stopped"))[1], 30.0, every_s=0.3)
    assert state_of(settings, new_run_id("stopped"))[0] in ("interrupted", "failed")  # a killed task may be faster


def nights_of(airflow: AirflowClient) -> list[str]:
    """Nightly runs, the earlier first."""
    runs = airflow._call("GET", f"/dags/{DAG}/dagRuns?run_type=scheduled&order_by=logical_date")["dag_runs"]
    return [run["dag_run_id"] for run in runs]


def start_two_nights(settings: Settings, airflow: AirflowClient) -> list[str]:
    """Let the scheduler believe that a night of the past is due: it makes that one and the one due since."""
    night = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0) - timedelta(days=3)
    url = EmbeddedPostgres(Volume(settings.volume).stack / "postgres").urls().airflow.replace("+psycopg2", "")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE dag SET next_dagrun = %(night)s, next_dagrun_data_interval_start = %(night)s,"
            " next_dagrun_data_interval_end = %(night)s, next_dagrun_create_after = %(night)s"
            " WHERE dag_id = 'medsift_sort'",
            {"night": night},
        )
    assert wait_until(lambda: len(nights_of(airflow)) == 2, 60.0, every_s=0.3)
    return nights_of(airflow)


def test_a_second_night_gives_way_to_the_first_and_runs_on_demand_go_before_both(
    settings: Settings, airflow: AirflowClient, slow_server: SlowServer
) -> None:
    Volume(settings.volume).watchlist.write_text(f"http://{slow_server.address}/\n")
    first, second = start_two_nights(settings, airflow)
    assert slow_server.asked.wait(120), states(airflow, first)
    assert ended(airflow, second) == "success"
    assert set(states(airflow, second).values()) == {"skipped"}
    assert airflow.run_state(DAG, first) == "running"
    airflow.trigger(DAG, "meanwhile", {"sources": str(settings.volume / "inbox" / "nothing.pdf")})
    assert ended(airflow, "meanwhile") == "success"
    slow_server.released.set()
    assert ended(airflow, first) == "success"
    weights = {run: airflow.task_instances(DAG, run)[0]["priority_weight"] for run in (first, "meanwhile")}
    assert weights["meanwhile"] > weights[first]


def test_a_terminal_may_sort_any_path_and_leaves_a_stack_up_that_was_up(
    tmp_path: Path, settings: Settings, environment: dict[str, str]
) -> None:
    elsewhere = tmp_path / "else\u2028where"  # a line separator, which ends no line of the form
    make_pictures(elsewhere, 3)
    command = [MEDSIFT, "stack", "run", str(elsewhere)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 kept" in done.stdout
    assert done.stdout.count("medsift db psql -c") == 3
    assert "plan:" in done.stderr and "report:" in done.stderr
    state = status(settings)
    assert state is not None and state.phase == "ready", "a stack that was up is left up"


def test_a_run_whose_sources_all_fail_ends_with_its_reason(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [MEDSIFT, "stack", "run", str(tmp_path / "missing.pdf")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("missing.pdf: There is no such file.")


def test_the_three_queries_that_a_run_suggests_can_be_asked(environment: dict[str, str]) -> None:
    from medsift.store.first_queries import FIRST_QUERIES

    for query in FIRST_QUERIES:
        done = subprocess.run(
            [MEDSIFT, "db", "psql", "-c", query], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
