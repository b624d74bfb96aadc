"""What made publishing many pictures slow: an index that misled the planner, and checks by regular expression.

Until `verdicts` has statistics, the planner took its index over model set and prompt set, which nearly all rows have
in common, to look up the one verdict that a vote refers to: each vote read them all.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = ("sha256", "stored_sha256")


def upgrade() -> None:
    """Forward."""
    op.drop_index("verdicts_model_set_prompt_set_idx", "verdicts")
    for column in COLUMNS:
        _check(column, f"length({column}) = 64 AND {column} !~ '[^0-9a-f]'")


def downgrade() -> None:
    """Back."""
    op.create_index("verdicts_model_set_prompt_set_idx", "verdicts", ["model_set", "prompt_set"])
    for column in COLUMNS:
        _check(column, f"{column} ~ '^[0-9a-f]{{64}}$'")


def _check(column: str, condition: str) -> None:
    name = f"pictures_{column}_check"
    op.drop_constraint(op.f(name), "pictures")
    op.create_check_constraint(op.f(name), "pictures", condition)
