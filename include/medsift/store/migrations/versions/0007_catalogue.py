"""What pages show of each picture, kept ready; labels may be taken back, and unsure pictures leave the queue."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# `picture_labels` with what else pages filter and show. `said` is a person's newest label, unsure ones too, unless it
# was taken back. The verdict is the one that `picture_labels` shows.
NOW = """
CREATE VIEW catalogue_now AS
SELECT l.sha256, l.label, l.decided_by, l.labelled_by, n.label AS said, l.kind, l.needs_review,
       v.verdict, l.probability, l.confidence, v.agreement, coalesce(v.review_reason, '') AS review_reason,
       w.cluster, w.disagreement, l.first_seen, coalesce(o.captions, '') AS captions
FROM picture_labels l
LEFT JOIN LATERAL (
    SELECT CASE WHEN NOT is_withdrawn THEN label END AS label
    FROM labels WHERE labels.sha256 = l.sha256 ORDER BY labelled_at DESC, id DESC LIMIT 1
) n ON true
LEFT JOIN LATERAL (
    SELECT verdicts.* FROM verdicts JOIN model_sets ON model_sets.digest = verdicts.model_set
    WHERE verdicts.sha256 = l.sha256
    ORDER BY is_current DESC, decided_at DESC, run_id DESC, model_set, prompt_set LIMIT 1
) v ON true
LEFT JOIN LATERAL (
    SELECT max(votes.cluster) AS cluster, max(votes.probability) - min(votes.probability) AS disagreement
    FROM votes
    WHERE (votes.sha256, votes.model_set, votes.prompt_set) = (v.sha256, v.model_set, v.prompt_set)
) w ON true
LEFT JOIN LATERAL (
    SELECT left(string_agg(DISTINCT caption, E'\\n' ORDER BY caption), 10000) AS captions
    FROM occurrences WHERE occurrences.sha256 = l.sha256 AND caption <> ''
) o ON true
"""

# As in migration 0006, from what is kept ready: a picture a person could not tell is not asked for again.
QUEUE = """
CREATE VIEW review_queue AS
WITH judged AS (
    SELECT c.sha256, c.verdict, c.kind, c.probability, c.confidence, c.review_reason, c.cluster,
           coalesce(p.near_duplicate_of, p.sha256) AS family,
           c.said IS NOT NULL AS is_seen, c.decided_by = 'person' AS is_labelled,
           coalesce(c.disagreement, 0) AS disagreement
    FROM catalogue c JOIN pictures p USING (sha256) WHERE c.verdict IS NOT NULL
),
counted AS (
    SELECT judged.*,
           count(*) FILTER (WHERE is_labelled) OVER (PARTITION BY cluster) AS labelled_in_cluster,
           bool_or(is_seen) OVER (PARTITION BY family) AS is_family_seen
    FROM judged
),
weighed AS (
    SELECT counted.*, 2 * (1 - confidence) AS uncertainty,
           CASE WHEN cluster IS NULL THEN 0 ELSE 1.0 / (1 + labelled_in_cluster) END AS novelty
    FROM counted WHERE NOT is_family_seen
),
of_families AS (
    SELECT DISTINCT ON (family) weighed.*, 0.5 * uncertainty + 0.3 * disagreement + 0.2 * novelty AS worth
    FROM weighed
    ORDER BY family, 0.5 * uncertainty + 0.3 * disagreement + 0.2 * novelty DESC, sha256
)
SELECT sha256, verdict, kind, probability, confidence, review_reason, cluster,
       uncertainty, disagreement, novelty::double precision AS novelty,
       worth / row_number() OVER (PARTITION BY coalesce(cluster::text, family) ORDER BY worth DESC, sha256) AS worth
FROM of_families
"""


def upgrade() -> None:
    """Forward."""
    op.add_column("labels", sa.Column("is_withdrawn", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_check_constraint("is_withdrawn", "labels", "label = 'unsure' OR NOT is_withdrawn")
    op.execute(NOW)
    _create_catalogue()
    op.execute("INSERT INTO catalogue SELECT * FROM catalogue_now")
    op.execute("DROP VIEW review_queue")
    op.execute(QUEUE)


def downgrade() -> None:
    """Back."""
    op.execute("DROP VIEW review_queue")
    op.execute(context.script.get_revision("0006").module.QUEUE)
    op.drop_table("catalogue")
    op.execute("DROP VIEW catalogue_now")
    op.drop_column("labels", "is_withdrawn")


def _create_catalogue() -> None:
    words = sa.Computed("to_tsvector('simple'::regconfig, captions)", persisted=True)
    op.create_table(
        "catalogue",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("labelled_by", sa.Text()),
        sa.Column("said", sa.Text()),
        sa.Column("kind", sa.Text()),
        sa.Column("needs_review", sa.Boolean()),
        sa.Column("verdict", sa.Text()),
        sa.Column("probability", sa.Double()),
        sa.Column("confidence", sa.Double()),
        sa.Column("agreement", sa.Double()),
        sa.Column("review_reason", sa.Text(), nullable=False),
        sa.Column("cluster", sa.Integer()),
        sa.Column("disagreement", sa.Double()),
        sa.Column("first_seen", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("captions", sa.Text(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), words),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name="catalogue_sha256_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", name="catalogue_pkey"),
    )
    op.create_index("catalogue_words_idx", "catalogue", ["words"], postgresql_using="gin")
    op.create_index("catalogue_cluster_idx", "catalogue", ["cluster"])
    op.create_index("catalogue_first_seen_sha256_idx", "catalogue", ["first_seen", "sha256"])
    # Words are looked up by their index: out of line they do not slow down whoever counts rows.
    op.execute("ALTER TABLE catalogue ALTER COLUMN words SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE catalogue SET (toast_tuple_target = 256)")
