"""The picture files of a folder are found by it: a new file asks for its company."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.execute(
        "CREATE INDEX sources_folder_idx ON sources (md5(regexp_replace(source, '/[^/]*$', ''))) WHERE kind = 'folder'"
    )


def downgrade() -> None:
    """Back."""
    op.execute("DROP INDEX sources_folder_idx")
