"""What a run found and decided becomes rows. Every function runs inside the caller's transaction.

Everything may be repeated, and two runs may publish in whatever order: where they disagree, the run that began later
counts, first sights are the earliest and last sights the latest.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from medsift.contracts import Occurrence, Picture, SourceOutcome, Verdict, Vote
from medsift.errors import StoreError
from medsift.store.bulk import clean, clean_json, stage, stage_vectors, values_of
from medsift.store.catalogue import keep_all_ready, keep_captions_ready, keep_ready
from medsift.store.connection import find_by_key
from medsift.store.records import EncodedVectors, ModelSetRecord, RunRecord, RunState
from medsift.store.schema import LOCK
from medsift.store.verdicts import VerdictKeys, publish_verdicts

PICTURE_COLUMNS = tuple(field.name for field in fields(Picture))
SOURCE_COLUMNS = (
    "id", "source", "kind", "state", "reason", "found", "document", "etag", "last_modified", "failed_digest",
)  # fmt: skip
OCCURRENCE_COLUMNS = tuple(field.name for field in fields(Occurrence) if field.name not in ("source", "candidate"))

UPSERT_PICTURES = """
INSERT INTO pictures AS p (sha256, width, height, extension, stored_sha256, stored_bytes, perceptual_hash,
                           near_duplicate_of, first_seen, last_seen)
SELECT sha256, width, height, extension, stored_sha256, stored_bytes, perceptual_hash,
       near_duplicate_of, :started_at, :started_at
FROM staged_pictures ORDER BY sha256
ON CONFLICT (sha256) DO UPDATE SET
    extension = CASE WHEN EXCLUDED.last_seen >= p.last_seen THEN EXCLUDED.extension ELSE p.extension END,
    stored_sha256 = CASE WHEN EXCLUDED.last_seen >= p.last_seen THEN EXCLUDED.stored_sha256 ELSE p.stored_sha256 END,
    stored_bytes = CASE WHEN EXCLUDED.last_seen >= p.last_seen THEN EXCLUDED.stored_bytes ELSE p.stored_bytes END,
    near_duplicate_of = least(p.near_duplicate_of, EXCLUDED.near_duplicate_of),
    first_seen = least(p.first_seen, EXCLUDED.first_seen),
    last_seen = greatest(p.last_seen, EXCLUDED.last_seen)
"""

# Two runs may have linked the same two pictures each the other way round: one of them has to stand for both. A circle
# is closed by a link that comes now: to look at others would read the whole table for every shard.
BREAK_CIRCLES = """
UPDATE pictures SET near_duplicate_of = NULL
WHERE sha256 = ANY(ARRAY(
    SELECT least(a.sha256, a.near_duplicate_of) FROM pictures a
    WHERE a.sha256 = ANY(:linked)
      AND a.sha256 = (SELECT b.near_duplicate_of FROM pictures b WHERE b.sha256 = a.near_duplicate_of)))
"""

# Here and not with the sources, whose pictures lie all over the index.
INSERT_RUN_PICTURES = """
INSERT INTO run_pictures (run_id, sha256) SELECT :run_id, sha256 FROM staged_pictures ORDER BY sha256
ON CONFLICT DO NOTHING
"""

# A failed source of which pictures were found was read: none of them can be decoded any more.
UNREAD = "({0}.state = 'unchanged' OR ({0}.state = 'failed' AND {0}.found = 0))"
UNREAD_OF = {
    "unread": UNREAD.format("s"),
    "unread_now": UNREAD.format("EXCLUDED"),
    "unread_staged": UNREAD.format("staged_sources"),
}
UPSERT_SOURCES = """
INSERT INTO sources AS s (id, source, kind, state, reason, found, document, etag, last_modified, extraction,
                          failed_digest, failed_extraction, run_id, first_seen, last_seen)
SELECT id, source, kind, state, reason, found,
       document, etag, last_modified,
       CASE WHEN {unread_staged} THEN '' ELSE :extraction END,
       failed_digest, CASE WHEN failed_digest = '' THEN '' ELSE :extraction END, :run_id, :started_at, :started_at
FROM staged_sources ORDER BY id
ON CONFLICT (id) DO UPDATE SET
    kind = CASE WHEN EXCLUDED.kind = '' THEN s.kind ELSE EXCLUDED.kind END,
    state = CASE WHEN EXCLUDED.state = 'unchanged' THEN s.state ELSE EXCLUDED.state END,
    reason = CASE WHEN EXCLUDED.state = 'unchanged' THEN s.reason ELSE EXCLUDED.reason END,
    found = CASE WHEN {unread_now} THEN s.found ELSE EXCLUDED.found END,
    document = CASE WHEN {unread_now} THEN s.document ELSE EXCLUDED.document END,
    etag = CASE WHEN {unread_now} THEN s.etag ELSE EXCLUDED.etag END,
    last_modified = CASE WHEN {unread_now} THEN s.last_modified
                         ELSE EXCLUDED.last_modified END,
    extraction = CASE WHEN {unread_now} THEN s.extraction ELSE EXCLUDED.extraction END,
    failed_digest = CASE WHEN EXCLUDED.state = 'unchanged' THEN s.failed_digest ELSE EXCLUDED.failed_digest END,
    failed_extraction = CASE WHEN EXCLUDED.state = 'unchanged' THEN s.failed_extraction
                             ELSE EXCLUDED.failed_extraction END,
    run_id = EXCLUDED.run_id,
    last_seen = EXCLUDED.last_seen
WHERE (s.last_seen, coalesce(s.run_id, '')) <= (EXCLUDED.last_seen, EXCLUDED.run_id)
"""

# Pictures whose captions may change: those that stood, or will stand, in the sources.
PLACED = """
SELECT sha256 FROM staged_occurrences WHERE sha256 IS NOT NULL
UNION
SELECT o.sha256 FROM occurrences o JOIN staged_sources s ON s.id = o.source_id WHERE o.sha256 IS NOT NULL
"""

SOURCE_STEPS = (
    """
    INSERT INTO documents AS d (digest, kind, title, pages, first_seen)
    SELECT digest, kind, title, pages, :started_at FROM staged_documents ORDER BY digest
    ON CONFLICT (digest) DO UPDATE SET first_seen = least(d.first_seen, EXCLUDED.first_seen)
    """,
    UPSERT_SOURCES,
    """
    UPDATE sources SET first_seen = :started_at FROM staged_sources s
    WHERE sources.id = s.id AND sources.first_seen > :started_at
    """,
    """
    INSERT INTO run_sources (run_id, source_id, state, reason, found)
    SELECT :run_id, id, state, reason, found FROM staged_sources ORDER BY id
    ON CONFLICT (run_id, source_id) DO UPDATE SET
        state = EXCLUDED.state, reason = EXCLUDED.reason, found = EXCLUDED.found
    """,
    # Only what this run has read, and only where no later run has read it since.
    """
    DELETE FROM occurrences USING staged_sources s JOIN sources USING (id)
    WHERE occurrences.source_id = s.id AND sources.run_id = :run_id AND NOT {unread}
    """,
    """
    INSERT INTO occurrences (source_id, ordinal, kind, state, reason, sha256, is_rebuilt, page, box, frame, url, path,
                             caption, nearby, tags)
    SELECT o.source_id, o.ordinal, o.kind, o.state, o.reason, o.sha256, o.is_rebuilt, o.page, o.box, o.frame, o.url,
           o.path, o.caption, o.nearby, o.tags
    FROM staged_occurrences o JOIN staged_sources s ON s.id = o.source_id
    JOIN sources ON sources.id = s.id
    WHERE sources.run_id = :run_id AND NOT {unread}
    """,
)
HELD_BACK = """
INSERT INTO held_back (model_set, sha256, probability)
SELECT :digest, * FROM unnest(CAST(:sha256s AS text[]), CAST(:probabilities AS float8[]))
WHERE NOT EXISTS (SELECT FROM held_back WHERE model_set = :digest)
ON CONFLICT DO NOTHING
"""


def source_id(source: str) -> str:
    """Primary key of a source: SHA-256 of its name."""
    return hashlib.sha256(clean(source).encode()).hexdigest()


def begin_run(connection: Connection, run: RunRecord) -> None:
    """Record that a run is at work; begun again it keeps the time at which it began first."""
    register_model_set(connection, ModelSetRecord(run.model_set, run.profile))
    connection.execute(
        text(
            "INSERT INTO runs (id, state, started_at, trigger, profile, model_set, prompt_set, settings)"
            " VALUES (:id, 'running', :started_at, :trigger, :profile, :model_set, :prompt_set,"
            " CAST(:settings AS jsonb))"
            " ON CONFLICT (id) DO UPDATE SET state = 'running', finished_at = NULL, counts = '{}',"
            " trigger = EXCLUDED.trigger, profile = EXCLUDED.profile, model_set = EXCLUDED.model_set,"
            " prompt_set = EXCLUDED.prompt_set, settings = EXCLUDED.settings"
        ),
        {
            "id": run.id,
            "started_at": run.started_at,
            "trigger": run.trigger,
            "profile": run.profile,
            "model_set": run.model_set,
            "prompt_set": run.prompt_set,
            "settings": json.dumps(clean_json(run.settings)),
        },
    )


def finish_run(connection: Connection, run_id: str, state: RunState, counts: Mapping[str, Any]) -> None:
    """Record how a run ended and what it counted."""
    _started_at(connection, run_id)
    connection.execute(
        text(
            "UPDATE runs SET state = :state, counts = CAST(:counts AS jsonb), finished_at = clock_timestamp()"
            " WHERE id = :id"
        ),
        {"id": run_id, "state": state, "counts": json.dumps(clean_json(counts))},
    )


def break_off_run(connection: Connection, run_id: str, state: RunState) -> None:
    """Record that a run ended before its report; one that is not known or has ended stays as it is."""
    connection.execute(
        text("UPDATE runs SET state = :state, finished_at = clock_timestamp() WHERE id = :id AND state = 'running'"),
        {"id": run_id, "state": state},
    )


def register_model_set(connection: Connection, model_set: ModelSetRecord) -> None:
    """Make a model set known; a card given later completes one that was only named."""
    connection.execute(
        text(
            "INSERT INTO model_sets AS m (digest, profile, card) VALUES (:digest, :profile, CAST(:card AS jsonb))"
            " ON CONFLICT (digest) DO UPDATE SET profile = EXCLUDED.profile, card = EXCLUDED.card"
            " WHERE EXCLUDED.card <> '{}' AND m.card <> EXCLUDED.card"
        ),
        {
            "digest": model_set.digest,
            "profile": model_set.profile,
            "card": json.dumps(clean_json(model_set.card)),
        },
    )
    connection.execute(
        text(HELD_BACK),
        {
            "digest": model_set.digest,
            "sha256s": list(model_set.held_back),
            "probabilities": list(model_set.held_back.values()),
        },
    )


def set_current_model_set(connection: Connection, digest: str) -> None:
    """Make one model set the current one; raises `StoreError` where it is not registered."""
    if connection.scalar(text("SELECT is_current FROM model_sets WHERE digest = :digest"), {"digest": digest}):
        return
    # Two statements: within one, the unique index would see two current sets for a moment.
    connection.execute(
        text("UPDATE model_sets SET is_current = false WHERE is_current AND digest <> :digest"), {"digest": digest}
    )
    changed = connection.execute(
        text("UPDATE model_sets SET is_current = true WHERE digest = :digest"), {"digest": digest}
    )
    if changed.rowcount == 0:
        raise StoreError(f"The model set {digest} is not in the database.", "Register it first.")
    keep_all_ready(connection)


def publish_pictures(
    connection: Connection,
    run_id: str,
    pictures: Sequence[Picture],
    vectors: Sequence[EncodedVectors],
    votes: Sequence[Vote],
    verdicts: Sequence[Verdict],
    model_set: str,
    prompt_set: str,
) -> None:
    """Upsert pictures of the run with vectors, verdicts and votes; every vote must be of a picture with a verdict."""
    begun = _begin(connection, run_id)
    distinct = {picture.sha256: picture for picture in pictures}
    stage(connection, "pictures", PICTURE_COLUMNS, map(values_of(PICTURE_COLUMNS), distinct.values()))
    connection.execute(text(UPSERT_PICTURES), {"started_at": begun})
    connection.execute(text(INSERT_RUN_PICTURES), {"run_id": run_id})
    if linked := [picture.sha256 for picture in distinct.values() if picture.near_duplicate_of]:
        connection.execute(text(BREAK_CIRCLES), {"linked": linked})
    for encoded in vectors:
        _publish_vectors(connection, encoded)
    keys = VerdictKeys(model_set, prompt_set, run_id, begun)
    publish_verdicts(connection, votes, verdicts, keys)
    keep_ready(connection, distinct)


def publish_sources(
    connection: Connection,
    run_id: str,
    outcomes: Sequence[SourceOutcome],
    occurrences: Sequence[Occurrence],
    extraction: str,
) -> None:
    """Upsert sources and replace the occurrences of those that were read; the run's pictures must be there already.

    A source that is unchanged, or failed before any picture was found, keeps its stored occurrences and digest.
    """
    begun = _begin(connection, run_id)
    distinct = {outcome.source: outcome for outcome in outcomes}.values()
    documents = {_document(outcome): outcome for outcome in distinct}
    documents.pop(None, None)
    stage(
        connection,
        "documents",
        ("digest", "kind", "title", "pages"),
        ((digest, row.kind, row.title, row.pages) for digest, row in documents.items()),
    )
    stage(connection, "sources", SOURCE_COLUMNS, map(_source_row, distinct))
    in_place = values_of(OCCURRENCE_COLUMNS)
    rows = ((source_id(row.source), *in_place(row)) for row in occurrences)
    stage(connection, "occurrences", ("source_id", *OCCURRENCE_COLUMNS), rows)
    keys = {"run_id": run_id, "started_at": begun, "extraction": extraction}
    placed = set(connection.scalars(text(PLACED)))
    for step in SOURCE_STEPS:
        connection.execute(text(step.format_map(UNREAD_OF)), keys)
    keep_captions_ready(connection, placed)


def _begin(connection: Connection, run_id: str) -> datetime:
    """Wait for other publishers' transactions (each would lock rows of the others), then when the run began."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK + 1})
    find_by_key(connection)
    return _started_at(connection, run_id)


def _started_at(connection: Connection, run_id: str) -> datetime:
    begun: datetime | None = connection.scalar(text("SELECT started_at FROM runs WHERE id = :id"), {"id": run_id})
    if begun is None:
        raise StoreError(f"The run {run_id} is not in the database.", "Begin it before anything of it is published.")
    return begun


def _publish_vectors(connection: Connection, encoded: EncodedVectors) -> None:
    if not len(encoded.sha256s):
        return
    width = encoded.values.shape[1]
    model = {"digest": encoded.digest, "name": encoded.encoder, "width": width}
    connection.execute(
        text("INSERT INTO models (digest, name, width) VALUES (:digest, :name, :width) ON CONFLICT DO NOTHING"), model
    )
    stage_vectors(connection, encoded.sha256s, encoded.values)
    stored = connection.execute(
        text(
            "INSERT INTO embeddings (encoder_digest, sha256, width, vector)"
            " SELECT :digest, sha256, :width, vector FROM staged_embeddings ON CONFLICT DO NOTHING"
        ),
        model,
    )
    if stored.rowcount and encoded.engine:
        connection.execute(
            text(
                "UPDATE models SET engines = engines || CAST(:engine AS text)"
                " WHERE digest = :digest AND NOT :engine = ANY(engines)"
            ),
            {"digest": encoded.digest, "engine": encoded.engine},
        )


def _document(outcome: SourceOutcome) -> str | None:
    is_unread = outcome.state == "unchanged" or (outcome.state == "failed" and outcome.found == 0)
    return None if is_unread else outcome.digest or None


def _source_row(outcome: SourceOutcome) -> tuple[Any, ...]:
    return (
        source_id(outcome.source),
        outcome.source,
        outcome.kind,
        outcome.state,
        outcome.reason,
        outcome.found,
        _document(outcome),
        outcome.etag,
        outcome.last_modified,
        outcome.digest if outcome.state == "failed" else "",
    )
