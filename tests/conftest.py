"""Fixtures that several rooms share: a real PostgreSQL, and a fresh migrated database in it for each test."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import make_url

from medsift.store import Store, migrate
from medsift.store.roles import OWNER, ensure_database
from medsift.topology.postgres import EmbeddedPostgres, Urls

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A server for the whole session; its database `medsift` is migrated and empty: the template of all others."""
    folder = Path(tempfile.mkdtemp(prefix="medsift-postgres-"))
    folder.chmod(0o755)  # as root the server runs as a system user, which has to get in
    server = EmbeddedPostgres(folder / "postgres")
    try:
        migrate(server.ensure_running().owner)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[Urls]:
    """Addresses, by role, of a database of this test's own, migrated and empty."""
    name = f"test_{next(NUMBERS)}"
    urls = postgres.ensure_running()
    with _admin(urls) as cursor:
        ensure_database(cursor, name, OWNER, template="medsift")
    try:
        yield Urls(**{field.name: in_database(getattr(urls, field.name), name) for field in fields(urls)})
    finally:
        with _admin(postgres.ensure_running()) as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(database: Urls) -> Iterator[Store]:
    """A store over this test's database, with the rights that tasks have."""
    opened = Store.open(database.task)
    yield opened
    opened.close()


def in_database(url: str, name: str) -> str:
    """The same address, another database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


class _admin:
    """A superuser's cursor outside transactions."""

    def __init__(self, urls: Urls) -> None:
        self._connection = psycopg2.connect(in_database(urls.admin, "postgres").replace("+psycopg2", ""))
        self._connection.autocommit = True

    def __enter__(self) -> psycopg2.extensions.cursor:
        return self._connection.cursor()

    def __exit__(self, *_: object) -> None:
        self._connection.close()
