"""Which pictures a person should label next, and which labels look wrong."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# What a label would teach of a picture without one: how unsure the verdict is, how far voters are apart, and how few
# pictures of its cluster have labels. Of near duplicates one is asked for. The k-th picture of a cluster is worth a
# k-th of itself, so that a heap of like pictures does not fill the list.
QUEUE = """
CREATE VIEW review_queue AS
WITH newest AS (
    SELECT DISTINCT ON (sha256) sha256, label FROM labels ORDER BY sha256, labelled_at DESC, id DESC
),
judged AS (
    SELECT v.sha256, v.verdict, v.kind, v.probability, v.confidence, v.review_reason,
           coalesce(p.near_duplicate_of, p.sha256) AS family,
           (n.label <> 'unsure') IS TRUE AS is_labelled,
           (SELECT max(cluster) FROM votes
            WHERE (votes.sha256, votes.model_set, votes.prompt_set) = (v.sha256, v.model_set, v.prompt_set)) AS cluster,
           (SELECT coalesce(max(votes.probability) - min(votes.probability), 0) FROM votes
            WHERE (votes.sha256, votes.model_set, votes.prompt_set) = (v.sha256, v.model_set, v.prompt_set))
           AS disagreement
    FROM current_verdicts v JOIN pictures p USING (sha256) LEFT JOIN newest n USING (sha256)
),
counted AS (
    SELECT judged.*,
           count(*) FILTER (WHERE is_labelled) OVER (PARTITION BY cluster) AS labelled_in_cluster,
           bool_or(is_labelled) OVER (PARTITION BY family) AS is_family_labelled
    FROM judged
),
weighed AS (
    SELECT counted.*, 2 * (1 - confidence) AS uncertainty,
           CASE WHEN cluster IS NULL THEN 0 ELSE 1.0 / (1 + labelled_in_cluster) END AS novelty
    FROM counted WHERE NOT is_family_labelled
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

# A model that learnt from a label and still contradicts it has others against it.
SUSPECTED = """
CREATE VIEW suspected_labels AS
SELECT n.sha256, n.label, n.labelled_by, n.labelled_at, v.verdict, v.probability, v.confidence
FROM (SELECT DISTINCT ON (sha256) * FROM labels ORDER BY sha256, labelled_at DESC, id DESC) n
JOIN current_verdicts v USING (sha256)
WHERE n.label <> 'unsure' AND n.label <> v.verdict
"""


def upgrade() -> None:
    """Forward."""
    op.execute(QUEUE)
    op.execute(SUSPECTED)


def downgrade() -> None:
    """Back."""
    op.execute("DROP VIEW suspected_labels")
    op.execute("DROP VIEW review_queue")
