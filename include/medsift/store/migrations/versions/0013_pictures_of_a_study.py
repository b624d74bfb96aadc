"""The pictures of a DICOM study are found by its keyed hash: a new file asks for its company."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.execute(
        "CREATE INDEX occurrences_study_idx ON occurrences ((tags ->> 'StudyGroup'))"
        " WHERE (tags ->> 'StudyGroup') IS NOT NULL"
    )


def downgrade() -> None:
    """Back."""
    op.execute("DROP INDEX occurrences_study_idx")
