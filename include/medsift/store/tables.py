"""The tables as SQLAlchemy models; migrations/ makes them and a test holds both equal.

Source kinds, encoders and voters are discovered, so that their names stand in no constraint.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Computed,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

IS_SHA256 = "length({0}) = 64 AND {0} !~ '[^0-9a-f]'"  # one pattern for both takes ten times as long
FOLDER_KEY = "md5(regexp_replace(source, '/[^/]*$', ''))"  # of picture files; a path may be too long a key
STUDY_KEY = "(tags ->> 'StudyGroup')"  # of DICOM files
# Signs part words, so that a path or a number in a caption is not one word.
WORDS_OF_CAPTIONS = r"regexp_replace(captions, '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', ' ', 'g')"
IS_PROBABILITY = "{} BETWEEN 0 AND 1"


class Base(DeclarativeBase):
    """Base of all tables: text without limit, times with their zone, constraints named by rule."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text(),
        datetime: TIMESTAMP(timezone=True),
        float: Double(),
        dict[str, Any]: JSONB(),
        list[float]: ARRAY(Double()),
    }


class ModelSet(Base):
    """A fitted model set; at most one is current.

    A profile without one, or with other encoders than it was fitted with, has a row of its own, whose digest is over
    its encoders too.
    """

    __tablename__ = "model_sets"
    __table_args__ = (Index("model_sets_current_idx", "is_current", unique=True, postgresql_where=text("is_current")),)

    digest: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[str]
    card: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    is_current: Mapped[bool] = mapped_column(server_default=text("false"))
    registered_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Run(Base):
    """A run, from its plan to its end: `done`; `failed` (a batch or a task was lost); `interrupted` at a terminal."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'done', 'failed', 'interrupted')", name="state"),
        Index(None, "started_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    trigger: Mapped[str] = mapped_column(server_default="")
    profile: Mapped[str]
    model_set: Mapped[str] = mapped_column(ForeignKey("model_sets.digest"))
    prompt_set: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class Document(Base):
    """A document by the digest of its bytes, wherever it lies."""

    __tablename__ = "documents"

    digest: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    pages: Mapped[int] = mapped_column(server_default=text("0"))
    first_seen: Mapped[datetime]


class Source(Base):
    """A leaf source and its latest reading; `id` is the SHA-256 of its name, which may be too long for a unique index.

    A failed try changes `state`, `reason` and what it failed on (`failed_digest` of the bytes, `failed_extraction`)
    alone. `run_id` is the newest run that tried.
    """

    __tablename__ = "sources"
    __table_args__ = (
        CheckConstraint("id = encode(sha256(convert_to(source, 'UTF8')), 'hex')", name="id"),
        CheckConstraint("state IN ('done', 'partial', 'empty', 'unchanged', 'failed')", name="state"),
        Index(None, "source", postgresql_using="hash"),
        Index("sources_folder_idx", text(FOLDER_KEY), postgresql_where=text("kind = 'folder'")),
        Index(None, "document"),
        Index(None, "state"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    found: Mapped[int] = mapped_column(server_default=text("0"))
    document: Mapped[str | None] = mapped_column(ForeignKey("documents.digest"))
    etag: Mapped[str] = mapped_column(server_default="")
    last_modified: Mapped[str] = mapped_column(server_default="")
    extraction: Mapped[str] = mapped_column(server_default="")
    failed_digest: Mapped[str] = mapped_column(server_default="")
    failed_extraction: Mapped[str] = mapped_column(server_default="")
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]


class RunSource(Base):
    """What became of a source in a run."""

    __tablename__ = "run_sources"
    __table_args__ = (
        CheckConstraint("state IN ('done', 'partial', 'empty', 'unchanged', 'failed')", name="state"),
        Index(None, "source_id"),
    )

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    found: Mapped[int] = mapped_column(server_default=text("0"))


class Picture(Base):
    """A distinct picture. `near_duplicate_of` has no foreign key: the other may come with a later shard."""

    __tablename__ = "pictures"
    __table_args__ = (
        CheckConstraint(IS_SHA256.format("sha256"), name="sha256"),
        CheckConstraint(IS_SHA256.format("stored_sha256"), name="stored_sha256"),
        CheckConstraint("width > 0 AND height > 0 AND stored_bytes > 0", name="sizes"),
        CheckConstraint("near_duplicate_of <> sha256", name="near_duplicate_of"),
        Index(None, "near_duplicate_of"),
        Index(None, "perceptual_hash"),
        Index(None, "first_seen"),
    )

    sha256: Mapped[str] = mapped_column(primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    extension: Mapped[str]
    stored_sha256: Mapped[str]
    stored_bytes: Mapped[int] = mapped_column(BigInteger)
    perceptual_hash: Mapped[str]
    near_duplicate_of: Mapped[str | None]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]


class RunPicture(Base):
    """A picture kept in a run, known before or not."""

    __tablename__ = "run_pictures"
    __table_args__ = (Index(None, "sha256"),)

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("pictures.sha256", ondelete="CASCADE"), primary_key=True)


class Occurrence(Base):
    """A picture in a place of a source as last read, or a candidate that became none (without `sha256`)."""

    __tablename__ = "occurrences"
    __table_args__ = (
        CheckConstraint("state IN ('kept', 'exact_duplicate', 'rejected', 'failed')", name="state"),
        CheckConstraint("(state IN ('kept', 'exact_duplicate')) = (sha256 IS NOT NULL)", name="sha256"),
        CheckConstraint("page > 0", name="page"),
        CheckConstraint("cardinality(box) = 4", name="box"),
        Index("occurrences_study_idx", text(STUDY_KEY), postgresql_where=text(f"{STUDY_KEY} IS NOT NULL")),
        Index(None, "sha256"),
    )

    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    sha256: Mapped[str | None] = mapped_column(ForeignKey("pictures.sha256"))
    is_rebuilt: Mapped[bool] = mapped_column(server_default=text("false"))
    page: Mapped[int | None]
    box: Mapped[list[float] | None]
    frame: Mapped[int | None]
    url: Mapped[str | None]
    path: Mapped[str | None]
    caption: Mapped[str] = mapped_column(server_default="")
    nearby: Mapped[str] = mapped_column(server_default="")
    tags: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))


class Model(Base):
    """An encoder whose vectors are kept.

    `engines`: all that made any of them, in the order in which they came; machines may differ, and vectors of all
    engines count as the same. Those of vectors from before migration 0005 are not known.
    """

    __tablename__ = "models"
    __table_args__ = (
        UniqueConstraint("digest", "width"),
        CheckConstraint("width > 0", name="width"),
    )

    digest: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    width: Mapped[int]
    engines: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default=text("'{}'::text[]"))
    registered_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Embedding(Base):
    """A picture's vector. `vector` is real[] here and pgvector's type where the server has it (see schema.py)."""

    __tablename__ = "embeddings"
    __table_args__ = (
        ForeignKeyConstraint(["encoder_digest", "width"], ["models.digest", "models.width"]),
        CheckConstraint("array_length(vector, 1) = width", name="width"),
    )

    encoder_digest: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("pictures.sha256", ondelete="CASCADE"), primary_key=True)
    width: Mapped[int]
    vector: Mapped[list[float]] = mapped_column(ARRAY(REAL()))


class Verdict(Base):
    """A model set's answer for a picture with a prompt set; of two runs the one that began later counts."""

    __tablename__ = "verdicts"
    __table_args__ = (
        CheckConstraint("verdict IN ('medical', 'non-medical')", name="verdict"),
        CheckConstraint(IS_PROBABILITY.format("probability"), name="probability"),
        CheckConstraint(IS_PROBABILITY.format("confidence"), name="confidence"),
        Index(None, "decided_at"),
    )

    sha256: Mapped[str] = mapped_column(ForeignKey("pictures.sha256", ondelete="CASCADE"), primary_key=True)
    model_set: Mapped[str] = mapped_column(ForeignKey("model_sets.digest"), primary_key=True)
    prompt_set: Mapped[str] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    probability: Mapped[float]
    confidence: Mapped[float]
    kind: Mapped[str | None]
    agreement: Mapped[float]
    needs_review: Mapped[bool]
    review_reason: Mapped[str] = mapped_column(server_default="")
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"))
    decided_at: Mapped[datetime]


class HeldBack(Base):
    """P(medical) of a picture that a model set was fitted on, said by a set that was fitted without its group."""

    __tablename__ = "held_back"
    __table_args__ = (CheckConstraint(IS_PROBABILITY.format("probability"), name="probability"),)

    model_set: Mapped[str] = mapped_column(ForeignKey("model_sets.digest"), primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    probability: Mapped[float]


class Vote(Base):
    """What one voter said towards a verdict; without probability it abstained."""

    __tablename__ = "votes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["sha256", "model_set", "prompt_set"],
            ["verdicts.sha256", "verdicts.model_set", "verdicts.prompt_set"],
            ondelete="CASCADE",
        ),
        CheckConstraint(IS_PROBABILITY.format("probability"), name="probability"),
    )

    sha256: Mapped[str] = mapped_column(primary_key=True)
    model_set: Mapped[str] = mapped_column(primary_key=True)
    prompt_set: Mapped[str] = mapped_column(primary_key=True)
    voter: Mapped[str] = mapped_column(primary_key=True)
    probability: Mapped[float | None]
    kind: Mapped[str | None]
    cluster: Mapped[int | None]
    reason: Mapped[str] = mapped_column(server_default="")
    kind_otherwise: Mapped[str | None]
    is_strange: Mapped[bool] = mapped_column(server_default=text("false"))


class LabelGiven(Base):
    """A person's label. Rows are only ever added: a trigger refuses everything else.

    Whoever takes a label back that was the first adds one that is `unsure` and `is_withdrawn`.
    """

    __tablename__ = "labels"
    __table_args__ = (
        CheckConstraint("label IN ('medical', 'non-medical', 'unsure')", name="label"),
        CheckConstraint("labelled_by <> ''", name="labelled_by"),
        CheckConstraint("label = 'unsure' OR NOT is_withdrawn", name="is_withdrawn"),
        UniqueConstraint("sha256", "labelled_at", "labelled_by"),
        Index(None, "labelled_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("pictures.sha256"))
    label: Mapped[str]
    kind: Mapped[str | None]
    labelled_by: Mapped[str]
    labelled_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    is_withdrawn: Mapped[bool] = mapped_column(server_default=text("false"))


class Catalogued(Base):
    """What pages show of a picture, kept as the view `catalogue_now` gives it (see catalogue.py).

    `model_set` is the one whose verdict is shown, and to which the number of the cluster belongs.
    """

    __tablename__ = "catalogue"
    __table_args__ = (
        Index(None, "words", postgresql_using="gin"),
        Index(None, "cluster"),
        Index(None, "first_seen", "sha256"),
    )

    sha256: Mapped[str] = mapped_column(ForeignKey("pictures.sha256", ondelete="CASCADE"), primary_key=True)
    label: Mapped[str]
    decided_by: Mapped[str]
    labelled_by: Mapped[str | None]
    said: Mapped[str | None]
    kind: Mapped[str | None]
    needs_review: Mapped[bool | None]
    verdict: Mapped[str | None]
    probability: Mapped[float | None]
    confidence: Mapped[float | None]
    agreement: Mapped[float | None]
    review_reason: Mapped[str]
    model_set: Mapped[str | None]
    cluster: Mapped[int | None]
    disagreement: Mapped[float | None]
    first_seen: Mapped[datetime]
    captions: Mapped[str]
    words: Mapped[str | None] = mapped_column(
        TSVECTOR, Computed(f"to_tsvector('simple'::regconfig, {WORDS_OF_CAPTIONS})", persisted=True)
    )


class CatalogueCount(Base):
    """How many pictures of the catalogue are alike in all that pages count; triggers of the catalogue keep it.

    `bin` is the twentieth of P(medical), -1 where no model has judged; `kind` is empty where there is none.
    """

    __tablename__ = "catalogue_counts"

    label: Mapped[str] = mapped_column(primary_key=True)
    decided_by: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    needs_review: Mapped[bool] = mapped_column(primary_key=True)
    is_disputed: Mapped[bool] = mapped_column(primary_key=True)
    bin: Mapped[int] = mapped_column(primary_key=True)
    pictures: Mapped[int] = mapped_column(BigInteger)
