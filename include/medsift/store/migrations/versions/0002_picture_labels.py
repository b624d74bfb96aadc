"""The view of what each picture is, labels that are only ever added, and the search index a task may build."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The newest label of a person wins unless it is "unsure". Otherwise the verdict of the current model set counts; a
# picture that this set has not scored yet keeps the newest verdict of another one.
VIEW = """
CREATE VIEW picture_labels AS
SELECT p.sha256,
       CASE WHEN l.is_sure THEN l.label ELSE v.verdict END AS label,
       CASE WHEN l.is_sure THEN 'person' ELSE 'model' END AS decided_by,
       CASE WHEN l.is_sure THEN l.labelled_by END AS labelled_by,
       v.probability,
       v.confidence,
       CASE WHEN NOT coalesce(l.is_sure, false) THEN v.kind
            ELSE coalesce(l.kind, CASE WHEN l.label = v.verdict THEN v.kind END) END AS kind,
       CASE WHEN l.is_sure THEN false ELSE v.needs_review END AS needs_review,
       p.first_seen,
       p.last_seen
FROM pictures p
LEFT JOIN LATERAL (
    SELECT label, kind, labelled_by, label <> 'unsure' AS is_sure
    FROM labels WHERE labels.sha256 = p.sha256
    ORDER BY labelled_at DESC, id DESC LIMIT 1
) l ON true
LEFT JOIN LATERAL (
    SELECT verdict, probability, confidence, verdicts.kind, needs_review
    FROM verdicts JOIN model_sets ON model_sets.digest = verdicts.model_set
    WHERE verdicts.sha256 = p.sha256
    ORDER BY is_current DESC, decided_at DESC, run_id DESC, model_set, prompt_set LIMIT 1
) v ON true
WHERE l.is_sure OR v.verdict IS NOT NULL
"""

REFUSE = """
CREATE FUNCTION refuse_to_change_labels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'labels are only ever added' USING ERRCODE = 'insufficient_privilege';
END $$
"""

# Tasks own no table and so cannot index one; this runs with the owner's rights and does nothing else.
INDEX = """
CREATE FUNCTION build_search_index(wanted text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET maintenance_work_mem = '256MB' AS $$
DECLARE
    model models%ROWTYPE;
BEGIN
    SELECT * INTO STRICT model FROM models WHERE digest = wanted;
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS %I ON embeddings USING hnsw ((vector::halfvec(%s)) halfvec_cosine_ops)'
        ' WHERE encoder_digest = %L',
        'embeddings_search_' || left(md5(wanted), 16), model.width, wanted);
END $$
"""


def upgrade() -> None:
    """Forward."""
    op.execute(VIEW)
    op.execute(REFUSE)
    op.execute(
        "CREATE TRIGGER labels_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON labels"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_labels()"
    )
    op.execute(INDEX)
    op.execute("REVOKE ALL ON FUNCTION build_search_index(text) FROM PUBLIC")


def downgrade() -> None:
    """Back."""
    op.execute("DROP FUNCTION build_search_index(text)")
    op.execute("DROP TRIGGER labels_append_only ON labels")
    op.execute("DROP FUNCTION refuse_to_change_labels()")
    op.execute("DROP VIEW picture_labels")
