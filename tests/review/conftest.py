"""The app over a real Postgres and real files, asked directly or served to a browser."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from playwright.sync_api import Browser
from starlette.exceptions import HTTPException

from medsift.review import Right, User, create_app
from medsift.settings import Settings
from medsift.store import Store
from medsift.topology.airflow_runs import AirflowRuns
from medsift.volume import Volume
from tests.review.browsing import Visitors, served
from tests.review.made import MANY, MODEL_SET, Made, publish


async def named_in_the_request(request: Request) -> User:
    """A login as simple as can be: `name:RIGHT` as Bearer token or cookie."""
    told = request.headers.get("authorization", "").removeprefix("Bearer ") or request.cookies.get("who", "")
    name, _, right = told.partition(":")
    if not name:
        raise HTTPException(401, "Log in first.")
    if right not in Right.__members__:
        raise HTTPException(403, f"{name} may not enter.")
    return User(name, Right[right], told)


@dataclass
class Bench:
    """The app with all that it stands on; `told` is what `on_labels` heard."""

    app: FastAPI
    store: Store
    volume: Volume
    settings: Settings
    told: list[tuple[str, int]] = field(default_factory=list)

    def publish(self, *pictures: Made, run: str = "run-1", model_set: str = MODEL_SET) -> None:
        publish(self.store, self.volume, pictures, run, model_set)

    def client(self, who: str = "anna:LABEL") -> TestClient:
        headers = {"authorization": f"Bearer {who}"} if who else {}
        return TestClient(self.app, headers=headers, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> Bench:
    """An app without pictures. Its Airflow does not answer: runs are tested through a real one."""
    settings = Settings.load({"volume": str(tmp_path / "volume"), "upload_max_mb": 1}, {})
    Volume(settings.volume).prepare()
    told: list[tuple[str, int]] = []
    runs = AirflowRuns("http://127.0.0.1:9", "http://127.0.0.1:9")
    app = create_app(store, runs, named_in_the_request, lambda user, count: told.append((user.name, count)), settings)
    return Bench(app, store, Volume(settings.volume), settings, told)


@pytest.fixture
def anna(bench: Bench) -> TestClient:
    """Somebody who may label."""
    return bench.client()


@pytest.fixture
def many(bench: Bench) -> Bench:
    """The app with 150 pictures of three sources."""
    bench.publish(*MANY)
    return bench


@pytest.fixture
def visitors(browser: Browser, bench: Bench) -> Iterator[Visitors]:
    """People who open pages of the served app, none of which may complain."""
    with served(bench.app) as address:
        people = Visitors(browser, address)
        yield people
        people.close()
    assert people.faults == []
