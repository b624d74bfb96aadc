"""Which engines made the vectors that are kept of a model."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward; of vectors that are there already it is not known."""
    kind, nothing = postgresql.ARRAY(sa.Text()), sa.text("'{}'::text[]")
    op.add_column("models", sa.Column("engines", kind, server_default=nothing, nullable=False))


def downgrade() -> None:
    """Back."""
    op.drop_column("models", "engines")
