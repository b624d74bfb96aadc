"""What a source failed on the last time, and a view of the newest verdicts of the current model set."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = ("failed_digest", "failed_extraction")

# One row a picture, whatever prompt sets it was scored with; in the order in which picture_labels chooses.
VIEW = """
CREATE VIEW current_verdicts AS
SELECT DISTINCT ON (verdicts.sha256) verdicts.*
FROM verdicts JOIN model_sets ON model_sets.digest = verdicts.model_set AND model_sets.is_current
ORDER BY verdicts.sha256, decided_at DESC, run_id DESC, prompt_set
"""


def upgrade() -> None:
    """Forward."""
    for name in COLUMNS:
        op.add_column("sources", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.execute(VIEW)


def downgrade() -> None:
    """Back."""
    op.execute("DROP VIEW current_verdicts")
    for name in COLUMNS:
        op.drop_column("sources", name)
