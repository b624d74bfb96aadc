"""What a run left in all tables and files, without what differs from run to run by nature: its id and clocks."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Text, cast, create_engine, select

from medsift.store.roles import autocommit
from medsift.store.tables import Base

OF_RUNS = ("runs", "run_sources", "run_pictures")
FILES = "files"
ADDRESSED = ("pictures", "thumbnails", "documents")  # folders of files that are named by their content
HELD = """
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE datname = 'medsift' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def digests(url: str, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Table -> digest over all its rows, in any order."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            found = {}
            for name, table in Base.metadata.tables.items():
                if name not in without:
                    columns = [cast(column, Text) for column in table.columns if is_of_content(column)]
                    rows = connection.execute(select(*columns)).all()
                    found[name] = f"{len(rows)} rows, {digest_of(rows)}"
            return found
    finally:
        engine.dispose()


def digest_of_files(volume: Path) -> str:
    """Over names and bytes of all content-addressed files of a volume."""
    files = [path for room in ADDRESSED for path in (volume / room).rglob("*") if path.is_file()]
    return f"{len(files)} files, {digest_of([(path.relative_to(volume), path.read_bytes()) for path in files])}"


def is_of_content(column: Any) -> bool:
    is_clock = isinstance(column.type, DateTime)
    is_run = column.name == "run_id" or (column.table.name == "runs" and column.name == "id")
    return not is_clock and not is_run


def digest_of(rows: Any) -> str:
    lines = sorted(json.dumps([str(value) for value in row]) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def emptied(admin_url: str) -> None:
    """Delete all rows of a database."""
    with autocommit(admin_url) as cursor:
        cursor.execute("SET session_replication_role = replica")  # labels refuse to be emptied otherwise
        cursor.execute("; ".join(f"DELETE FROM {table}" for table in Base.metadata.tables))  # noqa: S608 - our tables


def emptied_of_files(volume: Path) -> None:
    """Remove all content-addressed files, so that the next run has to write them."""
    for room in ADDRESSED:
        shutil.rmtree(volume / room, ignore_errors=True)


def locks_held(admin_url: str) -> int:
    """Locks of any kind in our database: advisory ones, and those that a transaction left open has."""
    with autocommit(admin_url) as cursor:
        cursor.execute(HELD)
        return int(cursor.fetchall()[0][0])
