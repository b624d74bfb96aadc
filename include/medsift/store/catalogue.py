"""What pages show of each picture, kept in one narrow table, so that a page over 100,000 pictures takes no second.

The view `catalogue_now` says what is kept; whoever writes what the view reads keeps it ready in the same transaction.
"""

from collections.abc import Collection

from sqlalchemy import Connection, text

from medsift.store import tables as t
from medsift.store.connection import find_by_key
from medsift.store.schema import LOCK

COLUMNS = tuple(column.name for column in t.Catalogued.__table__.columns if column.name != "words")
INSERT = f"INSERT INTO catalogue ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM catalogue_now"  # noqa: S608
CHANGED = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS if name != "sha256")
UPSERT = f"{INSERT} WHERE sha256 = ANY(:sha256s) ON CONFLICT (sha256) DO UPDATE SET {CHANGED}"

# As the view has them, of these pictures alone: nothing else of a row hangs on where its picture stands.
CAPTIONS = r"""
UPDATE catalogue SET captions = now.captions
FROM (
    SELECT sha256, coalesce(left(string_agg(DISTINCT caption, E'\n' ORDER BY caption), 10000), '') AS captions
    FROM unnest(CAST(:sha256s AS text[])) AS placed (sha256)
    LEFT JOIN (SELECT sha256, caption FROM occurrences WHERE caption <> '' AND sha256 = ANY(:sha256s)) o USING (sha256)
    GROUP BY sha256
) AS now
WHERE catalogue.sha256 = now.sha256 AND catalogue.captions <> now.captions
"""


def keep_ready(connection: Connection, sha256s: Collection[str]) -> None:
    """Bring these pictures' rows up to date, the last thing a transaction does."""
    if not sha256s:
        return
    await_others(connection)
    connection.execute(text(UPSERT), {"sha256s": list(sha256s)})


def keep_captions_ready(connection: Connection, sha256s: Collection[str]) -> None:
    """Bring the captions of these pictures up to date: they, and nothing else, were found or lost somewhere."""
    if not sha256s:
        return
    await_others(connection)
    connection.execute(text(CAPTIONS), {"sha256s": list(sha256s)})


def keep_all_ready(connection: Connection) -> None:
    """Bring every row up to date: another model set is current."""
    await_others(connection)
    find_by_key(connection)
    connection.execute(text("DELETE FROM catalogue"))
    connection.execute(text(INSERT))


def await_others(connection: Connection) -> None:
    """Let one transaction at a time say something of pictures or keep their rows ready.

    Whoever reads before another's commit would write what no longer holds after it.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK + 3})
