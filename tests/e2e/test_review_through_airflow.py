"""The whole way of a reviewer through the real stack: log in, send a file, watch the run, label; and labels teach."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, expect
from requests.adapters import HTTPAdapter
from sqlalchemy import text
from urllib3.util import Retry

from medsift.modelsets import current, digest_in_use, shipped_set
from medsift.settings import Settings
from medsift.store import LabelRow, Store
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.layout import ADMIN
from medsift.topology.postgres import EmbeddedPostgres
from medsift.topology.progress import DAG
from medsift.topology.stack import client
from medsift.volume import Volume
from tests.review.made import png
from tests.steps.drawn import drawn_source
from tests.waiting import wait_until

pytestmark = pytest.mark.stack
RUN_MS = 300_000
REFIT = "medsift_refit"
AN_HOUR_S = 3600


def command(*arguments: str, volume: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MEDSIFT_VOLUME": str(volume)}
    environment.pop("MEDSIFT_DATABASE_URL", None)
    line = [sys.executable, "-m", "medsift.cli", *arguments]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=400)


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    return Volume(tmp_path_factory.mktemp("volume"))


@pytest.fixture(scope="module")
def stack(volume: Volume) -> Iterator[tuple[str, str]]:
    """Address of a stack that is up, and its password."""
    up = command("stack", "up", volume=volume.root)
    assert up.returncode == 0, up.stderr
    try:
        address = next(line.split()[1] for line in up.stdout.splitlines() if line.startswith("address:"))
        yield address, json.loads((volume.stack / "passwords.json").read_text())[ADMIN]
    finally:
        command("stack", "down", volume=volume.root)
        EmbeddedPostgres(volume.stack / "postgres").remove()


def asset_events(address: str, password: str) -> list[dict[str, Any]]:
    """Airflow answers 500 while a run that an event has started is still queued: such a run has no date of start."""
    body = {"username": ADMIN, "password": password}
    token = requests.post(f"{address}/auth/token", json=body, timeout=60).json()["access_token"]
    patient = Retry(60, status_forcelist=[500], backoff_factor=0.5, backoff_max=2)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=patient))
        session.headers["Authorization"] = f"Bearer {token}"
        answer = session.get(f"{address}/api/v2/assets/events", timeout=60)
    events: list[dict[str, Any]] = answer.json()["asset_events"]
    return events


def test_a_file_is_sent_sorted_labelled_and_passed_on(stack: tuple[str, str], browser: Browser) -> None:
    address, password = stack
    page = browser.new_page(viewport={"width": 1400, "height": 860})
    page.goto(f"{address}/auth/login")
    page.get_by_role("textbox", name="username").fill(ADMIN)
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/auth/" not in url, timeout=60_000)
    page.wait_for_load_state("networkidle")

    page.goto(f"{address}/medsift/submit")
    files = [{"name": f"{number}.png", "mimeType": "image/png", "buffer": png(number)} for number in (1, 2)]
    page.locator("#files").set_input_files(files)
    page.get_by_role("button", name="Sort them").click()
    page.wait_for_url("**/submit?run=**", timeout=60_000)
    expect(page.locator("[data-state=success]")).to_be_visible(timeout=RUN_MS)
    expect(page.locator(".steps")).to_contain_text("publish")

    page.get_by_role("link", name="See its pictures").click()
    expect(page.locator(".gallery .card")).to_have_count(2)
    page.goto(f"{address}/medsift/review")
    page.locator("body[data-ready]").wait_for()
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#status")).to_contain_text("2 labels were passed on")
    page.close()

    events = asset_events(address, password)
    (labels,) = [event for event in events if event["name"] == "medsift_labels"]
    assert labels["extra"] == {"labels": 2, "by": ADMIN}


@pytest.fixture(scope="module")
def airflow(stack: tuple[str, str], volume: Volume) -> AirflowClient:
    return client(Settings.load({"volume": str(volume.root)}, {}))


@pytest.fixture(scope="module")
def store(stack: tuple[str, str], volume: Volume) -> Store:
    return Store.open(EmbeddedPostgres(volume.stack / "postgres").urls().task)


def states(airflow: AirflowClient, run: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in airflow.task_instances(REFIT, run)}


def assert_ended_well(airflow: AirflowClient, run: str, tasks: set[str]) -> None:
    """The run, and the run that it started to score anew, have ended and skipped nothing."""
    assert wait_until(lambda: airflow.run_state(REFIT, run) in ("success", "failed"), 300.0, every_s=0.5)
    assert states(airflow, run) == dict.fromkeys(tasks, "success")
    assert wait_until(lambda: airflow.unfinished_runs(DAG) == 0, 300.0, every_s=0.5)
    newest = airflow.runs(DAG, 1)[0]
    assert newest["state"] == "success", newest
    assert newest["dag_run_id"].startswith("manual__"), newest


@pytest.fixture(scope="module")
def taught(volume: Volume, airflow: AirflowClient, store: Store) -> list[str]:
    """Identities of pictures unlike any that the shipped set knows, which were sorted and then labelled."""
    labels: dict[str, str] = {}
    for number in range(6):
        labels |= drawn_source(volume.inbox / f"source-{number}", number, 12)
    for path in labels:
        os.utime(path, (time.time() - AN_HOUR_S,) * 2)
    airflow.trigger(DAG, "drawn", {"sources": ""})
    assert wait_until(lambda: airflow.run_state(DAG, "drawn") in ("success", "failed"), 300.0, every_s=0.5)
    with store.engine.connect() as connection:
        rows = connection.execute(text("SELECT path, sha256 FROM occurrences WHERE path IS NOT NULL")).all()
    identity = {row.path: row.sha256 for row in rows if row.path in labels}
    assert len(identity) == len(labels)
    assert wait_until(
        lambda: airflow.unfinished_runs(REFIT) == 0, 300.0, every_s=0.5
    )  # the one that the labels of a reviewer started
    store.add_labels([LabelRow(identity[path], label, "anna") for path, label in labels.items()])  # type: ignore[arg-type]
    return list(identity.values())


def verdicts(store: Store, model_set: str) -> set[str]:
    """Pictures that this set gave a verdict of."""
    query = text("SELECT sha256 FROM verdicts WHERE model_set = :digest")
    with store.engine.connect() as connection:
        return set(connection.execute(query, {"digest": model_set}).scalars())


def test_labels_fit_a_set_that_goes_into_use_at_once_scores_anew_and_can_be_rolled_back(
    volume: Volume, airflow: AirflowClient, store: Store, taught: list[str]
) -> None:
    airflow.trigger(REFIT, "at-once", {})
    assert_ended_well(airflow, "at-once", {"fit", "promote", "score_anew"})
    fitted = airflow.summary(REFIT, "at-once", "fit", -1)
    assert (fitted["labels"], fitted["is_not_worse"]) == (len(store.newest_labels()), True)
    assert fitted["new"]["balanced_accuracy"] > fitted["current"]["balanced_accuracy"]
    assert digest_in_use(volume, "lite") == fitted["model_set"] == store.current_model_set()
    assert verdicts(store, fitted["model_set"]) >= set(taught)

    done = command("modelset", "rollback", volume=volume.root)
    assert done.returncode == 0, done.stderr
    assert current(volume, "lite") == shipped_set("lite")


def ask_a_person(volume: Volume, airflow: AirflowClient) -> None:
    """The setting is changed as an administrator does, and Airflow reads the DAG again."""
    (volume.root / "medsift.toml").write_text('refit_promotion = "ask"\n')
    token = airflow._call("GET", f"/dags/{REFIT}")["file_token"]
    airflow._session.put(f"{airflow.address}/api/v2/parseDagFile/{token}", timeout=30).raise_for_status()

    def is_read() -> bool:
        tasks: list[dict[str, Any]] = airflow._call("GET", f"/dags/{REFIT}/tasks")["tasks"]
        return "approve" in {task["task_id"] for task in tasks}

    assert wait_until(is_read, 120, every_s=0.5)


@pytest.mark.long
def test_where_the_setting_asks_the_set_goes_into_use_once_a_person_has_approved_it(
    volume: Volume, airflow: AirflowClient, taught: list[str]
) -> None:
    ask_a_person(volume, airflow)
    airflow.trigger(REFIT, "asked", {})
    assert wait_until(lambda: states(airflow, "asked").get("approve") == "awaiting_input", 300.0, every_s=0.5), states(
        airflow, "asked"
    )
    question = f"/dags/{REFIT}/dagRuns/asked/taskInstances/approve/-1/hitlDetails"
    fitted = airflow.summary(REFIT, "asked", "fit", -1)
    assert airflow._call("GET", question)["body"] == fitted["sentence"]
    assert not {"running", "success"} & {states(airflow, "asked")[name] or "" for name in ("promote", "score_anew")}
    assert current(volume, "lite") == shipped_set("lite")

    airflow._call("PATCH", question, {"chosen_options": ["Approve"], "params_input": {}})
    assert_ended_well(airflow, "asked", {"fit", "approve", "promote", "score_anew"})
    assert digest_in_use(volume, "lite") == fitted["model_set"]
