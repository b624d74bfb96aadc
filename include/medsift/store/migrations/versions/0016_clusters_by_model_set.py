"""The queue knows a cluster by its model set too, as numbers begin anew with each, and near duplicates by their first.

Links were made in many runs: a picture may be linked to one that is itself linked.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Whose verdict `catalogue_now` shows.
FILL = """
UPDATE catalogue SET model_set = (
    SELECT verdicts.model_set FROM verdicts JOIN model_sets ON model_sets.digest = verdicts.model_set
    WHERE verdicts.sha256 = catalogue.sha256
    ORDER BY is_current DESC, decided_at DESC, run_id DESC, model_set, prompt_set LIMIT 1
)
"""
QUEUE = """
CREATE OR REPLACE VIEW review_queue AS
WITH RECURSIVE chain AS (
    SELECT sha256, near_duplicate_of AS earlier FROM pictures WHERE near_duplicate_of IS NOT NULL
    UNION
    SELECT chain.sha256, p.near_duplicate_of
    FROM chain JOIN pictures p ON p.sha256 = chain.earlier WHERE p.near_duplicate_of IS NOT NULL
),
families AS (
    SELECT chain.sha256, chain.earlier AS family
    FROM chain LEFT JOIN pictures p ON p.sha256 = chain.earlier WHERE p.near_duplicate_of IS NULL
),
judged AS (
    SELECT c.sha256, c.verdict, c.kind, c.probability, c.confidence, c.review_reason, c.model_set, c.cluster,
           coalesce(f.family, c.sha256) AS family,
           c.said IS NOT NULL AS is_seen, c.decided_by = 'person' AS is_labelled,
           coalesce(c.disagreement, 0) AS disagreement
    FROM catalogue c LEFT JOIN families f USING (sha256) WHERE c.verdict IS NOT NULL
),
counted AS (
    SELECT judged.*,
           count(*) FILTER (WHERE is_labelled) OVER (PARTITION BY model_set, cluster) AS labelled_in_cluster,
           bool_or(is_seen) OVER (PARTITION BY family) AS is_family_seen
    FROM judged
),
weighed AS (
    SELECT counted.*, 2 * least(probability, 1 - probability) AS uncertainty,
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
       worth / row_number() OVER (
           PARTITION BY model_set, coalesce(cluster::text, family) ORDER BY worth DESC, sha256
       ) AS worth
FROM of_families
"""


def upgrade() -> None:
    """Forward."""
    now: str = context.script.get_revision("0007").module.NOW
    told = now.replace("AS captions\nFROM picture_labels", "AS captions, v.model_set\nFROM picture_labels")
    op.execute(told.replace("CREATE VIEW", "CREATE OR REPLACE VIEW"))
    op.add_column("catalogue", sa.Column("model_set", sa.Text()))
    op.execute(FILL)
    op.execute(QUEUE)


def downgrade() -> None:
    """Back."""
    context.script.get_revision("0011").module.upgrade()  # its queue
    op.drop_column("catalogue", "model_set")
    op.execute("DROP VIEW catalogue_now")
    op.execute(context.script.get_revision("0007").module.NOW)
