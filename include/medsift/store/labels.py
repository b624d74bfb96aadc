"""What people say of pictures: rows are only ever added."""

from collections.abc import Iterable

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
COLUMNS = ("sha256", "label", "kind", "labelled_by", "labelled_at", "is_withdrawn")


def add_labels(connection: Connection, rows: Iterable[LabelRow]) -> LabelsAdded:
    """Store labels of known pictures; one with the same picture, person and time as a stored one is a repeat.

    `sha256` of a row is the identity of a picture or the digest of its stored file. Of rows without a time the later
    ones count as given later.
    """
    find_by_key(connection)
    given = [tuple(getattr(row, column) for column in COLUMNS) for row in rows]
    stage(connection, "labels", COLUMNS, given)
    connection.execute(text(NAMED))
    unknown = connection.scalars(
        text("SELECT sha256 FROM staged_labels EXCEPT SELECT name FROM named_pictures ORDER BY 1")
    ).all()
    added = list(connection.scalars(text(INSERT)))
    keep_ready(connection, set(added))
    strangers = set(unknown)
    known = sum(row[0] not in strangers for row in given)
    return LabelsAdded(len(added), known - len(added), tuple(unknown))
