"""First tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (  # in the order in which they can be dropped
    "votes",
    "run_sources",
    "occurrences",
    "verdicts",
    "sources",
    "run_pictures",
    "runs",
    "labels",
    "embeddings",
    "pictures",
    "models",
    "model_sets",
    "documents",
)


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "documents",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("pages", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_seen", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("documents_pkey")),
    )
    op.create_table(
        "model_sets",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("card", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("is_current", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("registered_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("model_sets_pkey")),
    )
    op.create_index(
        "model_sets_current_idx", "model_sets", ["is_current"], unique=True, postgresql_where=sa.text("is_current")
    )
    op.create_table(
        "models",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("registered_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("width > 0", name=op.f("models_width_check")),
        sa.PrimaryKeyConstraint("digest", name=op.f("models_pkey")),
        sa.UniqueConstraint("digest", "width", name=op.f("models_digest_width_key")),
    )
    op.create_table(
        "pictures",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("stored_sha256", sa.Text(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("perceptual_hash", sa.Text(), nullable=False),
        sa.Column("near_duplicate_of", sa.Text(), nullable=True),
        sa.Column("first_seen", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_seen", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("pictures_sha256_check")),
        sa.CheckConstraint("stored_sha256 ~ '^[0-9a-f]{64}$'", name=op.f("pictures_stored_sha256_check")),
        sa.CheckConstraint("near_duplicate_of <> sha256", name=op.f("pictures_near_duplicate_of_check")),
        sa.CheckConstraint("width > 0 AND height > 0 AND stored_bytes > 0", name=op.f("pictures_sizes_check")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pictures_pkey")),
    )
    op.create_index(op.f("pictures_first_seen_idx"), "pictures", ["first_seen"], unique=False)
    op.create_index(op.f("pictures_near_duplicate_of_idx"), "pictures", ["near_duplicate_of"], unique=False)
    op.create_index(op.f("pictures_perceptual_hash_idx"), "pictures", ["perceptual_hash"], unique=False)
    op.create_table(
        "embeddings",
        sa.Column("encoder_digest", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("vector", sa.ARRAY(sa.REAL()), nullable=False),
        sa.CheckConstraint("array_length(vector, 1) = width", name=op.f("embeddings_width_check")),
        sa.ForeignKeyConstraint(
            ["encoder_digest", "width"], ["models.digest", "models.width"], name=op.f("embeddings_encoder_digest_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["sha256"], ["pictures.sha256"], name=op.f("embeddings_sha256_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("encoder_digest", "sha256", name=op.f("embeddings_pkey")),
    )
    op.create_table(
        "labels",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("labelled_by", sa.Text(), nullable=False),
        sa.Column(
            "labelled_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("label IN ('medical', 'non-medical', 'unsure')", name=op.f("labels_label_check")),
        sa.CheckConstraint("labelled_by <> ''", name=op.f("labels_labelled_by_check")),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name=op.f("labels_sha256_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("labels_pkey")),
        sa.UniqueConstraint(
            "sha256", "labelled_at", "labelled_by", name=op.f("labels_sha256_labelled_at_labelled_by_key")
        ),
    )
    op.create_index(op.f("labels_labelled_at_idx"), "labels", ["labelled_at"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("trigger", sa.Text(), server_default="", nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("model_set", sa.Text(), nullable=False),
        sa.Column("prompt_set", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("counts", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.CheckConstraint("state IN ('running', 'done', 'failed', 'interrupted')", name=op.f("runs_state_check")),
        sa.ForeignKeyConstraint(["model_set"], ["model_sets.digest"], name=op.f("runs_model_set_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("runs_pkey")),
    )
    op.create_index(op.f("runs_started_at_idx"), "runs", ["started_at"], unique=False)
    op.create_table(
        "run_pictures",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("run_pictures_run_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["sha256"], ["pictures.sha256"], name=op.f("run_pictures_sha256_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "sha256", name=op.f("run_pictures_pkey")),
    )
    op.create_index(op.f("run_pictures_sha256_idx"), "run_pictures", ["sha256"], unique=False)
    op.create_table(
        "sources",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("found", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), server_default="", nullable=False),
        sa.Column("last_modified", sa.Text(), server_default="", nullable=False),
        sa.Column("extraction", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("first_seen", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_seen", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("id = encode(sha256(convert_to(source, 'UTF8')), 'hex')", name=op.f("sources_id_check")),
        sa.CheckConstraint(
            "state IN ('done', 'partial', 'empty', 'unchanged', 'failed')", name=op.f("sources_state_check")
        ),
        sa.ForeignKeyConstraint(["document"], ["documents.digest"], name=op.f("sources_document_fkey")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("sources_run_id_fkey"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("sources_pkey")),
    )
    op.create_index(op.f("sources_document_idx"), "sources", ["document"], unique=False)
    op.create_index(op.f("sources_source_idx"), "sources", ["source"], unique=False, postgresql_using="hash")
    op.create_index(op.f("sources_state_idx"), "sources", ["state"], unique=False)
    op.create_table(
        "verdicts",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("model_set", sa.Text(), nullable=False),
        sa.Column("prompt_set", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("agreement", sa.Double(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("review_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("verdict IN ('medical', 'non-medical')", name=op.f("verdicts_verdict_check")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("verdicts_confidence_check")),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name=op.f("verdicts_probability_check")),
        sa.ForeignKeyConstraint(["model_set"], ["model_sets.digest"], name=op.f("verdicts_model_set_fkey")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("verdicts_run_id_fkey"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name=op.f("verdicts_sha256_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", "model_set", "prompt_set", name=op.f("verdicts_pkey")),
    )
    op.create_index(op.f("verdicts_decided_at_idx"), "verdicts", ["decided_at"], unique=False)
    op.create_index(op.f("verdicts_model_set_prompt_set_idx"), "verdicts", ["model_set", "prompt_set"], unique=False)
    op.create_table(
        "occurrences",
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("is_rebuilt", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("box", sa.ARRAY(sa.Double()), nullable=True),
        sa.Column("frame", sa.Integer(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("caption", sa.Text(), server_default="", nullable=False),
        sa.Column("nearby", sa.Text(), server_default="", nullable=False),
        sa.Column("tags", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.CheckConstraint(
            "(state IN ('kept', 'exact_duplicate')) = (sha256 IS NOT NULL)", name=op.f("occurrences_sha256_check")
        ),
        sa.CheckConstraint(
            "state IN ('kept', 'exact_duplicate', 'rejected', 'failed')", name=op.f("occurrences_state_check")
        ),
        sa.CheckConstraint("cardinality(box) = 4", name=op.f("occurrences_box_check")),
        sa.CheckConstraint("page > 0", name=op.f("occurrences_page_check")),
        sa.ForeignKeyConstraint(["sha256"], ["pictures.sha256"], name=op.f("occurrences_sha256_fkey")),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("occurrences_source_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "ordinal", name=op.f("occurrences_pkey")),
    )
    op.create_index(op.f("occurrences_sha256_idx"), "occurrences", ["sha256"], unique=False)
    op.create_table(
        "run_sources",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("found", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "state IN ('done', 'partial', 'empty', 'unchanged', 'failed')", name=op.f("run_sources_state_check")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("run_sources_run_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("run_sources_source_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "source_id", name=op.f("run_sources_pkey")),
    )
    op.create_index(op.f("run_sources_source_id_idx"), "run_sources", ["source_id"], unique=False)
    op.create_table(
        "votes",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("model_set", sa.Text(), nullable=False),
        sa.Column("prompt_set", sa.Text(), nullable=False),
        sa.Column("voter", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("cluster", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("kind_otherwise", sa.Text(), nullable=True),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name=op.f("votes_probability_check")),
        sa.ForeignKeyConstraint(
            ["sha256", "model_set", "prompt_set"],
            ["verdicts.sha256", "verdicts.model_set", "verdicts.prompt_set"],
            name=op.f("votes_sha256_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sha256", "model_set", "prompt_set", "voter", name=op.f("votes_pkey")),
    )


def downgrade() -> None:
    """Back."""
    for table in TABLES:
        op.drop_table(table)
