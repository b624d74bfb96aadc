"""Migrations, run from code: forward, back, and whether a database is where this medsift needs it."""

import logging
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, text

from medsift.errors import StoreError
from medsift.store.connection import engine_of, place, sentences
from medsift.store.roles import grant_rights

logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)  # else two lines at every connection
MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x6D656473_69667400  # "medsift": one migration, and apart from it one publisher, at a time


def migrate(url: str) -> None:
    """Bring the database forward to this medsift's tables; `url` is of the role that owns them.

    Safe to repeat and to call from two processes at once; raises `StoreError` where Postgres does not answer, or where
    its tables are those of a newer medsift.
    """
    _move(url, "head")


def migrate_back(url: str, revision: str = "base") -> None:
    """Undo migrations down to `revision`; rows of tables that it drops are lost."""
    _move(url, revision)


def require_head(connection: Connection) -> None:
    """Raises `StoreError` unless the database has exactly this medsift's tables."""
    script = ScriptDirectory.from_config(_config(connection))
    current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    _refuse_newer(connection)
    state = "has no tables of medsift yet" if current is None else "has tables of an older medsift"
    raise StoreError(f"The database {place(connection.engine.url)} {state}.", "Run: medsift db migrate")


def _refuse_newer(connection: Connection) -> None:
    """Raises `StoreError` where the database has tables that this medsift does not know."""
    current = MigrationContext.configure(connection).get_current_revision()
    revisions = ScriptDirectory.from_config(_config(connection)).walk_revisions()
    if current is not None and current not in {revision.revision for revision in revisions}:
        where = place(connection.engine.url)
        raise StoreError(f"The database {where} was migrated by a newer medsift.", "Update medsift.")


def has_vector_search(connection: Connection) -> bool:
    """Whether `embeddings.vector` has pgvector's type."""
    kind = connection.scalar(
        text(
            "SELECT udt_name FROM information_schema.columns WHERE table_name = 'embeddings' AND column_name = 'vector'"
        )
    )
    return bool(kind == "vector")


def is_same_type(_context: object, column: Column[Any], _model: object, _found: object, _wanted: object) -> bool | None:
    """For alembic's comparison: the one column whose type depends on the server is always as it should be."""
    return False if column.table.name == "embeddings" and column.name == "vector" else None


def _move(url: str, revision: str) -> None:
    engine = engine_of(url)
    try:
        with sentences(engine.url), engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            _refuse_newer(connection)
            config = _config(connection)
            if revision == "head":
                command.upgrade(config, revision)
                _adopt_vector(connection)
                grant_rights(connection)
            else:
                command.downgrade(config, revision)
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _adopt_vector(connection: Connection) -> None:
    """Give `embeddings.vector` pgvector's type once the server has the extension; until then it is real[]."""
    if has_vector_search(connection) or not _has_extension(connection):
        return
    connection.execute(text("ALTER TABLE embeddings DROP CONSTRAINT embeddings_width_check"))
    connection.execute(text("ALTER TABLE embeddings ALTER COLUMN vector TYPE vector USING vector::vector"))
    connection.execute(
        text("ALTER TABLE embeddings ADD CONSTRAINT embeddings_width_check CHECK (vector_dims(vector) = width)")
    )
    # Vectors do not compress; kept out of line without trying, they are read and written faster.
    connection.execute(text("ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE EXTERNAL"))


def _has_extension(connection: Connection) -> bool:
    found = connection.execute(
        text(
            "SELECT installed_version IS NOT NULL AS is_there, trusted OR rolsuper AS is_allowed"
            " FROM pg_available_extensions a"
            " JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version"
            " JOIN pg_roles r ON r.rolname = current_user"
            " WHERE a.name = 'vector'"
        )
    ).one_or_none()
    if found is None or not (found.is_there or found.is_allowed):
        return False
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    return True
