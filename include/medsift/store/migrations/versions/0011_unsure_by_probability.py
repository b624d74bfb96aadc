"""How unsure a verdict is hangs on its probability: one that an operating point overruled is not less sure than 0.5."""

from alembic import context, op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BY_CONFIDENCE = "2 * (1 - confidence)"
BY_PROBABILITY = "2 * least(probability, 1 - probability)"


def upgrade() -> None:
    """Forward."""
    op.execute(_queue().replace(BY_CONFIDENCE, BY_PROBABILITY))


def downgrade() -> None:
    """Back."""
    op.execute(_queue())


def _queue() -> str:
    queue: str = context.script.get_revision("0007").module.QUEUE
    return queue.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")
