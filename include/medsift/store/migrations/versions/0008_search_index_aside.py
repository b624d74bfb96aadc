"""Tasks may drop a search index before they write many vectors: to build it anew is quicker than to add to it."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Tasks own no table; this runs with the owner's rights and does nothing else.
DROP = """
CREATE FUNCTION drop_search_index(wanted text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('DROP INDEX IF EXISTS %I', 'embeddings_search_' || left(md5(wanted), 16));
END $$
"""


def upgrade() -> None:
    """Forward."""
    op.execute(DROP)
    op.execute("REVOKE ALL ON FUNCTION drop_search_index(text) FROM PUBLIC")


def downgrade() -> None:
    """Back."""
    op.execute("DROP FUNCTION drop_search_index(text)")
