"""Fixtures that several rooms share: a real PostgreSQL, and a migrated, empty database in it for each test."""

import itertools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import hypothesis
import pytest
from playwright.sync_api import Browser
from sqlalchemy import make_url

from medsift.store import Store, migrate
from medsift.store.roles import OWNER, autocommit, ensure_database
from medsift.store.tables import Base
from medsift.topology.postgres import EmbeddedPostgres, Urls
from tests.review.browsing import chromium

hypothesis.settings.register_profile("unhurried", deadline=None)  # machines are noisy: no test is a matter of time
hypothesis.settings.load_profile("unhurried")

# A test run in the background, or by xdist, ignores interrupts, and programs that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
NUMBERS = itertools.count(1)
CORPUS = Path(__file__).parents[2] / "shared"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `corpus` need the folder beside the project: deselected, and counted, where it is not."""
    if CORPUS.is_dir():
        return
    needing = [item for item in items if item.get_closest_marker("corpus")]
    if needing and os.environ.get("CI"):
        raise pytest.UsageError(f"{len(needing)} tests need {CORPUS}, which is required in CI.")
    config.hook.pytest_deselected(items=needing)
    items[:] = [item for item in items if item not in needing]
    if needing and os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        sys.stderr.write(f"{len(needing)} tests are deselected: they need {CORPUS}.\n")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A server for the whole session; its database `medsift` is migrated and a template for others."""
    folder = Path(tempfile.mkdtemp(prefix="medsift-postgres-"))
    folder.chmod(0o755)  # as root the server runs as a system user, which has to get in
    server = EmbeddedPostgres(folder / "postgres")
    try:
        urls = server.ensure_running()
        with autocommit(
            in_database(urls.admin, "postgres")
        ) as cursor:  # a test's database need not outlive a power cut
            cursor.execute("ALTER SYSTEM SET fsync = off")
            cursor.execute("SELECT pg_reload_conf()")
        migrate(urls.owner)
        yield server
    finally:
        server.remove()
        shutil.rmtree(folder)


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Urls:
    """Addresses, by role, of the session's database, emptied: a new one for each test would take a second each."""
    urls = postgres.ensure_running()
    with autocommit(urls.admin) as cursor:
        cursor.execute("SET session_replication_role = replica")  # labels refuse to be emptied otherwise
        cursor.execute("; ".join(f"DELETE FROM {table}" for table in Base.metadata.tables))  # noqa: S608 - our tables
    return urls


@pytest.fixture
def new_database(postgres: EmbeddedPostgres) -> Iterator[Urls]:
    """Addresses, by role, of a migrated database that the test may change as it likes."""
    name = f"test_{next(NUMBERS)}"
    urls = postgres.ensure_running()
    with autocommit(in_database(urls.admin, "postgres")) as cursor:
        ensure_database(cursor, name, OWNER, template="medsift")
    yield Urls(**{field.name: in_database(getattr(urls, field.name), name) for field in fields(urls)})
    with autocommit(in_database(urls.admin, "postgres")) as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(database: Urls) -> Iterator[Store]:
    """A store over the emptied database, with the rights that tasks have."""
    opened = Store.open(database.task)
    yield opened
    opened.close()


def in_database(url: str, name: str) -> str:
    """The same address, another database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)
