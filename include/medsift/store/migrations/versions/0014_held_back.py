"""What a model set said of its own labels while they were held back: it knows them by heart, wrong ones too."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SUSPECTED = """
CREATE OR REPLACE VIEW suspected_labels AS
SELECT n.sha256, n.label, n.labelled_by, n.labelled_at, said.verdict, said.probability, said.confidence
FROM (
    SELECT DISTINCT ON (sha256) sha256, label, labelled_by, labelled_at
    FROM labels ORDER BY sha256, labelled_at DESC, id DESC
) n
JOIN current_verdicts v USING (sha256)
LEFT JOIN held_back h ON (h.model_set, h.sha256) = (v.model_set, n.sha256)
CROSS JOIN LATERAL (
    SELECT v.verdict, v.probability, v.confidence WHERE h.sha256 IS NULL
    UNION ALL
    SELECT CASE WHEN h.probability >= 0.5 THEN 'medical' ELSE 'non-medical' END, h.probability,
           greatest(h.probability, 1 - h.probability) WHERE h.sha256 IS NOT NULL
) said
WHERE n.label <> 'unsure' AND n.label <> said.verdict
"""
BEFORE = """
CREATE OR REPLACE VIEW suspected_labels AS
SELECT n.sha256, n.label, n.labelled_by, n.labelled_at, v.verdict, v.probability, v.confidence
FROM (
    SELECT DISTINCT ON (sha256) sha256, label, labelled_by, labelled_at
    FROM labels ORDER BY sha256, labelled_at DESC, id DESC
) n
JOIN current_verdicts v USING (sha256)
WHERE n.label <> 'unsure' AND n.label <> v.verdict
"""


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "held_back",
        sa.Column("model_set", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["model_set"], ["model_sets.digest"], name="held_back_model_set_fkey"),
        sa.PrimaryKeyConstraint("model_set", "sha256", name="held_back_pkey"),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name="held_back_probability_check"),
    )
    op.execute(SUSPECTED)


def downgrade() -> None:
    """Back."""
    op.execute(BEFORE)
    op.drop_table("held_back")
