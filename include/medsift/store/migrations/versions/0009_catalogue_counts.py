"""What pages count of all pictures, kept ready: to count 100,000 anew takes a third of a second."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COUNTED = """
INSERT INTO catalogue_counts AS c
SELECT label, decided_by, coalesce(kind, ''), coalesce(needs_review, false), coalesce(agreement < 1, false),
       coalesce(least(floor(probability * 20), 19)::int, -1), {each} * count(*)
FROM {rows} GROUP BY 1, 2, 3, 4, 5, 6
ON CONFLICT ON CONSTRAINT catalogue_counts_pkey DO UPDATE SET pictures = c.pictures + EXCLUDED.pictures
"""
# Once a statement, over the rows it changed; its argument is how much each of them counts.
COUNT = """
CREATE FUNCTION count_catalogue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    {counted};
    DELETE FROM catalogue_counts WHERE pictures = 0;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER {name} AFTER {event} ON catalogue REFERENCING {rows} TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION count_catalogue('{sign}')
"""
TRIGGERS = (
    ("counts_inserted", "INSERT", "NEW", 1), ("counts_deleted", "DELETE", "OLD", -1),
    ("counts_before", "UPDATE", "OLD", -1), ("counts_after", "UPDATE", "NEW", 1),
)  # fmt: skip


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "catalogue_counts",
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("is_disputed", sa.Boolean(), nullable=False),
        sa.Column("bin", sa.Integer(), nullable=False),
        sa.Column("pictures", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "label", "decided_by", "kind", "needs_review", "is_disputed", "bin", name="catalogue_counts_pkey"
        ),
    )
    op.execute(COUNTED.format(each="1", rows="catalogue"))
    op.execute(COUNT.format(counted=COUNTED.format(each="TG_ARGV[0]::int", rows="changed")))
    for name, event, rows, sign in TRIGGERS:
        op.execute(TRIGGER.format(name=name, event=event, rows=rows, sign=sign))


def downgrade() -> None:
    """Back."""
    for name, *_ in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON catalogue")
    op.execute("DROP FUNCTION count_catalogue()")
    op.drop_table("catalogue_counts")
