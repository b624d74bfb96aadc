"""What a source failed on the last time."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = ("failed_digest", "failed_extraction")


def upgrade() -> None:
    """Forward."""
    for name in COLUMNS:
        op.add_column("sources", sa.Column(name, sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Back."""
    for name in COLUMNS:
        op.drop_column("sources", name)
