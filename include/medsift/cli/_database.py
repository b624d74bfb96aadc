"""Which Postgres a command talks to: the one that is set, else the embedded one of the volume while it is up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from medsift.errors import StackError, StoreError
from medsift.settings import Settings
from medsift.store import Store
from medsift.topology.layout import StackLayout
from medsift.topology.postgres import EmbeddedPostgres
from medsift.volume import Volume

Role = Literal["reader", "task", "owner"]


def database_url(settings: Settings, role: Role = "task") -> str:
    """Address for a role; a database that is set by hand has one role only. Raises `StoreError` where none is up."""
    if settings.database_url:
        return settings.database_url
    folder = StackLayout.of(Volume(settings.volume)).postgres
    try:
        return str(getattr(EmbeddedPostgres(folder).urls(), role))
    except StackError as error:
        raise StoreError(
            "No database is up.", "Start the embedded stack with `make up`, or set MEDSIFT_DATABASE_URL."
        ) from error


def with_database(settings: Settings) -> Settings:
    """The settings with the address of the database in use."""
    return settings.model_copy(update={"database_url": database_url(settings)})


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """The store in use, closed at the end; raises `StoreError` where it is not there."""
    store = Store.open(database_url(settings))
    try:
        yield store
    finally:
        store.close()


@contextmanager
def store_if_up(settings: Settings) -> Iterator[Store | None]:
    """The store in use, or None where there is none."""
    try:
        store = Store.open(database_url(settings))
    except StoreError:
        yield None
        return
    try:
        yield store
    finally:
        store.close()
