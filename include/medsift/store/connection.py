"""The way to Postgres: an engine with a modest pool, and database errors turned into sentences."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

from medsift.errors import StoreError, StoreLostError

LOST_CLASSES = ("08", "40", "57")  # connection lost, deadlock or serialisation, shut down or starting up
REFUSAL_CLASSES = ("28", "3D", "53")  # who one is, no such database, resources
BROKEN_OFF = psycopg2.DatabaseError  # the bare class: a connection that broke in the midst of COPY
PASSING = ("starting up", "shutting down", "recovery mode", "too many clients", "reserved for", "terminating")
NO_ROOM = "53100"
NOT_ALLOWED = "42501"


def engine_of(url: str) -> Engine:
    """An engine over psycopg2: at most 5 connections, each checked before use; nothing is connected yet."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg2"),
        pool_size=2,
        max_overflow=3,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "keepalives_idle": 30, "application_name": "medsift"},
    )


def find_by_key(connection: Connection) -> None:
    """For the rest of this transaction, find rows by their keys, whatever Postgres believes of a table.

    Of one that was analysed while it was empty, or while its rows were not yet committed, it believes that it may as
    well be read whole for every row of another. Servers before PostgreSQL 18 pretend that what is switched off costs
    billions, for which JIT would compile every statement.
    """
    connection.execute(text("SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"))


@contextmanager
def sentences(url: URL) -> Iterator[None]:
    """Database errors that a person can mend become `StoreError`, lost connections `StoreLostError`."""
    try:
        yield
    except DBAPIError as error:
        known = _known(error.orig, url)
        if known is None:
            raise
        raise known from error
    except NoneFree as error:
        raise StoreLostError(f"All connections to Postgres at {place(url)} are in use. Try again.") from error
    except psycopg2.Error as error:
        known = _known(error, url)
        if known is None:
            raise
        raise known from error


def _known(error: BaseException | None, url: URL) -> StoreError | None:
    code = getattr(error, "pgcode", None) or ""
    if code == NO_ROOM:
        # As with a full volume: once somebody has made room, a later try goes through.
        sentence = f"Postgres at {place(url)} has no room left on its disk."
        return StoreLostError(sentence, "Free some room and try again.")
    if code == NOT_ALLOWED:
        return StoreError(f"The database role {url.username} may not do that: {_reason(error)}.")
    if not isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) and type(error) is not BROKEN_OFF:
        return None
    if code.startswith(LOST_CLASSES) or (not code and not _is_refusal(str(error))):
        return StoreLostError(f"Postgres at {place(url)} does not answer: {_reason(error)}.")
    if not code or code.startswith(REFUSAL_CLASSES):
        return StoreError(f"Postgres at {place(url)} refuses: {_reason(error)}.")
    return None


def _is_refusal(message: str) -> bool:
    """Whether the server itself refused a connection (password, database), for which psycopg2 gives no code."""
    return "FATAL:" in message and not any(passing in message for passing in PASSING)


def place(url: URL) -> str:
    """host:port/database, without user and password."""
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database}"


def _reason(error: BaseException | None) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0] if lines else type(error).__name__
    for mark in ("FATAL:", "failed:", "ERROR:"):
        first = first.rpartition(mark)[2].strip()
    return first.rstrip(".")
