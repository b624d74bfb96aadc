"""Roles and databases of a Postgres server that is medsift's own, and the rights each role has.

`medsift_owner` owns the tables and migrates; `medsift` is what tasks use: rows, no DDL; `medsift_reader` is for
analysts: reads only; `airflow` has a database of its own and sees nothing of ours.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class, named as one
from sqlalchemy import Connection, make_url, text

from medsift.store.connection import sentences

OWNER, TASK, READER, AIRFLOW = "medsift_owner", "medsift", "medsift_reader", "airflow"
ROLES = (OWNER, TASK, READER, AIRFLOW)
DATABASES = {"medsift": OWNER, "airflow": AIRFLOW}
APPEND_ONLY = ("labels",)
# Publishing takes rows out of these and writes them anew; no others are ever deleted.
REPLACED = ("votes", "occurrences", "catalogue")
OF_THE_SERVER = ("alembic_version", "catalogue_counts")  # written by migrations and triggers alone


def prepare_server(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Create or correct roles and databases as superuser; safe to repeat. `passwords` has one a role of `ROLES`.

    Raises `StoreError` where the server does not answer or refuses.
    """
    with sentences(make_url(admin_url)):
        _prepare(admin_url, passwords)


def _prepare(admin_url: str, passwords: Mapping[str, str]) -> None:
    with autocommit(admin_url) as cursor:
        for role in ROLES:
            _ensure_role(cursor, role, passwords[role])
        for database, owner in DATABASES.items():
            ensure_database(cursor, database, owner)
    with autocommit(make_url(admin_url).set(database="medsift").render_as_string(hide_password=False)) as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
        if cursor.fetchone():
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")


def ensure_database(cursor: Cursor, database: str, owner: str, template: str = "template1") -> None:
    """A database that only its owner, and for ours the task and reader roles, may enter."""
    name = sql.Identifier(database)
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    if not cursor.fetchone():
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        cursor.execute(create.format(name, sql.Identifier(owner), sql.Identifier(template)))
    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    if owner == OWNER:
        cursor.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO medsift").format(name))
        cursor.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO medsift_reader").format(name))


def data_directory(connection: psycopg2.extensions.connection) -> Path:
    """The folder of the server that answered, as superuser."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        return Path(str(cursor.fetchall()[0][0]))


def grant_rights(connection: Connection) -> None:
    """Give the task and reader roles, where the server has them, their rights on all tables; run by the owner."""
    present = set(
        connection.scalars(text("SELECT rolname FROM pg_roles WHERE rolname IN ('medsift', 'medsift_reader')"))
    )
    for role in sorted(present):
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {role}"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    if TASK not in present:
        return
    connection.execute(text("GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO medsift"))
    connection.execute(text("REVOKE DELETE ON ALL TABLES IN SCHEMA public FROM medsift"))  # earlier versions gave it
    for table in REPLACED:
        connection.execute(text(f"GRANT DELETE ON {table} TO medsift"))
    connection.execute(text("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO medsift"))
    for function in ("build_search_index", "drop_search_index"):
        connection.execute(text(f"GRANT EXECUTE ON FUNCTION {function}(text) TO medsift"))
    for table in OF_THE_SERVER:
        connection.execute(text(f"REVOKE INSERT, UPDATE ON {table} FROM medsift"))
    for table in APPEND_ONLY:
        connection.execute(text(f"REVOKE UPDATE ON {table} FROM medsift"))


@contextmanager
def autocommit(url: str) -> Iterator[Cursor]:
    """A cursor outside transactions: CREATE DATABASE cannot run inside one."""
    connection = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    connection.autocommit = True
    try:
        yield connection.cursor()
    finally:
        connection.close()


def _ensure_role(cursor: Cursor, role: str, password: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    command = sql.SQL(f"{verb} ROLE {{}} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %s")
    cursor.execute(command.format(sql.Identifier(role)), (password,))
    if role == READER:
        cursor.execute("ALTER ROLE medsift_reader SET default_transaction_read_only = on")
