"""What people say of pictures: rows are only ever added."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from medsift.store.bulk import stage
from medsift.store.catalogue import keep_ready
from medsift.store.connection import find_by_key
from medsift.store.records import LabelRow, LabelsAdded

# A picture rebuilt or reduced has a file whose digest is not its identity; where both are known, the identity counts.
NAMED = """
CREATE TEMPORARY TABLE named_pictures ON COMMIT DROP AS
SELECT DISTINCT ON (name) name, sha256
FROM (
    SELECT s.sha256 AS name, p.sha256, 1 AS rank FROM staged_labels s JOIN pictures p ON p.sha256 = s.sha256
    UNION ALL
    SELECT s.sha256, p.sha256, 2 FROM staged_labels s JOIN pictures p ON p.stored_sha256 = s.sha256
) candidates
ORDER BY name, rank, sha256
"""
INSERT = """
INSERT INTO labels (sha256, label, kind, labelled_by, labelled_at, is_withdrawn)
SELECT n.sha256, s.label, s.kind, s.labelled_by, coalesce(s.labelled_at, clock_timestamp()), s.is_withdrawn
FROM staged_labels s JOIN named_pictures n ON n.name = s.sha256
ORDER BY s.ctid
ON CONFLICT (sha256, labelled_at, labelled_by) DO NOTHING
RETURNING sha256
"""
# What its giver said last of that picture, in the rows before it or in the store, was there.
LEAVE_OUT_SAID = """
DELETE FROM staged_labels WHERE ctid IN (
    SELECT place FROM (
        SELECT s.ctid AS place, jsonb_build_array(s.label, s.kind, s.is_withdrawn) AS said,
               coalesce(
                   lag(jsonb_build_array(s.label, s.kind, s.is_withdrawn))
                       OVER (PARTITION BY n.sha256, s.labelled_by ORDER BY s.ctid),
                   newest.said
               ) AS said_before
        FROM staged_labels s
        JOIN named_pictures n ON n.name = s.sha256
        LEFT JOIN LATERAL (
            SELECT jsonb_build_array(l.label, l.kind, l.is_withdrawn) AS said FROM labels l
            WHERE (l.sha256, l.labelled_by) = (n.sha256, s.labelled_by)
            ORDER BY l.labelled_at DESC, l.id DESC LIMIT 1
        ) newest ON true
        WHERE s.labelled_at IS NULL
    ) told
    WHERE said = said_before
)
"""
COLUMNS = ("sha256", "label", "kind", "labelled_by", "labelled_at", "is_withdrawn")


def add_labels(connection: Connection, rows: Iterable[LabelRow]) -> LabelsAdded:
    """Store labels of known pictures; what was there is told as repeated.

    That is a label with the picture, person and time of a stored one, or one without a time that says what that person
    said last of the picture. `sha256` of a row is the identity of a picture or the digest of its stored file. Of rows
    without a time the later ones count as given later.
    """
    given = _staged(connection, rows)
    connection.execute(text(LEAVE_OUT_SAID))
    return _inserted(connection, given)


def say_labels(connection: Connection, rows: Iterable[LabelRow]) -> LabelsAdded:
    """Store labels that people give now, also who says a second time what was overruled meanwhile."""
    return _inserted(connection, _staged(connection, rows))


def _staged(connection: Connection, rows: Iterable[LabelRow]) -> list[tuple[Any, ...]]:
    find_by_key(connection)
    given = [tuple(getattr(row, column) for column in COLUMNS) for row in rows]
    stage(connection, "labels", COLUMNS, given)
    connection.execute(text(NAMED))
    return given


def _inserted(connection: Connection, given: Sequence[tuple[Any, ...]]) -> LabelsAdded:
    unknown = connection.scalars(
        text("SELECT sha256 FROM staged_labels EXCEPT SELECT name FROM named_pictures ORDER BY 1")
    ).all()
    added = list(connection.scalars(text(INSERT)))
    keep_ready(connection, set(added))
    strangers = set(unknown)
    known = sum(row[0] not in strangers for row in given)
    return LabelsAdded(len(added), known - len(added), tuple(unknown))
