"""What people say of pictures: rows are only ever added."""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from medsift.store.bulk import stage
from medsift.store.records import LabelRow, LabelsAdded

INSERT = """
INSERT INTO labels (sha256, label, kind, labelled_by, labelled_at)
SELECT sha256, label, kind, labelled_by, coalesce(labelled_at, clock_timestamp())
FROM staged_labels JOIN pictures USING (sha256)
ON CONFLICT (sha256, labelled_at, labelled_by) DO NOTHING
"""


def add_labels(connection: Connection, rows: Iterable[LabelRow]) -> LabelsAdded:
    """Store labels of known pictures; one with the same picture, person and time as a stored one is a repeat."""
    given = [(row.sha256, row.label, row.kind, row.labelled_by, row.labelled_at) for row in rows]
    stage(connection, "labels", ("sha256", "label", "kind", "labelled_by", "labelled_at"), given)
    unknown = connection.scalars(
        text("SELECT DISTINCT sha256 FROM staged_labels LEFT JOIN pictures p USING (sha256) WHERE p IS NULL ORDER BY 1")
    ).all()
    added = connection.execute(text(INSERT)).rowcount
    strangers = set(unknown)
    known = sum(row[0] not in strangers for row in given)
    return LabelsAdded(added, known - added, tuple(unknown))
