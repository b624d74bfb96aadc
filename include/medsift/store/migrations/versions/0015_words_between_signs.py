"""Words of captions are what stands between signs: `CT` finds `PET/CT`, `T1/T2` and `0.85` find themselves.

Postgres' parser takes what looks like a path, a host or a number for one word.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SIGNS = r"[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+"
BEFORE, AFTER = "captions", f"regexp_replace(captions, '{SIGNS}', ' ', 'g')"


def upgrade() -> None:
    """Forward."""
    _make_anew(AFTER)


def downgrade() -> None:
    """Back."""
    _make_anew(BEFORE)


def _make_anew(captions: str) -> None:
    words = f"tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, {captions})) STORED"
    op.execute("ALTER TABLE catalogue DROP COLUMN words")
    op.execute(f"ALTER TABLE catalogue ADD COLUMN words {words}")
    op.execute("ALTER TABLE catalogue ALTER COLUMN words SET STORAGE EXTERNAL")
    op.create_index("catalogue_words_idx", "catalogue", ["words"], postgresql_using="gin")
