"""What is read from Postgres. Every function runs on the caller's connection and changes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, exists, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute

from medsift.contracts import Occurrence, Picture, Verdict, Vote
from medsift.store import tables as t
from medsift.store.bulk import read_vectors
from medsift.store.connection import find_by_key
from medsift.store.publish import source_id
from medsift.store.records import KnownSource, LabelRow, SourceVerdicts

AT_ONCE = 5000  # keys in one query
SHA256_DIGITS = 64

VERDICTS_BY_SOURCE = """
SELECT s.source, s.kind, r.state, r.reason, r.found,
       count(*) FILTER (WHERE v.verdict = 'medical') AS medical,
       count(*) FILTER (WHERE v.verdict = 'non-medical') AS non_medical,
       count(*) FILTER (WHERE v.needs_review) AS to_review
FROM run_sources r
JOIN runs ON runs.id = r.run_id
JOIN sources s ON s.id = r.source_id
LEFT JOIN (SELECT DISTINCT source_id, sha256 FROM occurrences WHERE sha256 IS NOT NULL) o
       ON o.source_id = s.id AND r.state <> 'failed'
LEFT JOIN verdicts v ON (v.sha256, v.model_set, v.prompt_set) = (o.sha256, runs.model_set, runs.prompt_set)
WHERE r.run_id = :run_id
GROUP BY s.id, r.state, r.reason, r.found
ORDER BY s.source
"""

LIES_IN = {
    # By a digest, since a path may be too long for an index.
    "folder": "s.kind = 'folder' AND md5(regexp_replace(s.source, '/[^/]*$', '')) = md5(:name)",
    "study": "o.tags ->> 'StudyGroup' = :name",
}
JUDGED_IN = """
SELECT DISTINCT o.sha256
FROM sources s
JOIN occurrences o ON o.source_id = s.id
JOIN verdicts v ON (v.sha256, v.model_set, v.prompt_set) = (o.sha256, :model_set, :prompt_set)
JOIN embeddings e ON (e.encoder_digest, e.sha256) = (:encoder_digest, o.sha256)
WHERE {lies_in} AND NOT EXISTS (SELECT FROM unnest(CAST(:sources AS text[])) AS read (id) WHERE read.id = s.id)
ORDER BY o.sha256 LIMIT :most
"""


def known_sources(connection: Connection, names: Sequence[str]) -> dict[str, KnownSource]:
    """Those of the sources that are stored, by name as given."""
    by_id = {source_id(name): name for name in names}
    source = t.Source
    columns = (
        source.id, func.coalesce(source.document, ""), source.etag, source.last_modified, source.state,
        source.extraction, source.failed_digest, source.failed_extraction,
    )  # fmt: skip
    return {
        by_id[key]: KnownSource(by_id[key], *values)
        for keys in _chunks(by_id)
        for key, *values in connection.execute(select(*columns).where(source.id.in_(keys)))
    }


def occurrences_of(connection: Connection, sources: Sequence[str]) -> list[Occurrence]:
    """All stored occurrences of these sources, in their order."""
    by_id = {source_id(name): name for name in sources}
    found: dict[str, list[Occurrence]] = {}
    table = t.Occurrence.__table__
    for keys in _chunks(by_id):
        query = select(table).where(table.c.source_id.in_(keys)).order_by(table.c.source_id, table.c.ordinal)
        for row in connection.execute(query).mappings():
            values = dict(row)
            name = by_id[values.pop("source_id")]
            box = values.pop("box")
            found.setdefault(name, []).append(Occurrence(source=name, box=tuple(box) if box else None, **values))
    return [occurrence for name in by_id.values() for occurrence in found.get(name, [])]


def pictures(connection: Connection, sha256s: Iterable[str]) -> dict[str, Picture]:
    """Those of the pictures that are stored."""
    columns = [getattr(t.Picture, field.name) for field in fields(Picture)]
    return {
        row.sha256: Picture(*row)
        for keys in _chunks(sha256s)
        for row in connection.execute(select(*columns).where(t.Picture.sha256.in_(keys)))
    }


def pictures_beginning(connection: Connection, beginning: str, limit: int) -> list[Picture]:
    """Those whose identity begins so."""
    columns = [getattr(t.Picture, field.name) for field in fields(Picture)]
    # As a range, which the primary key's index answers in every collation.
    first, last = beginning.ljust(SHA256_DIGITS, "0"), beginning.ljust(SHA256_DIGITS, "f")
    query = select(*columns).where(t.Picture.sha256.between(first, last)).order_by(t.Picture.sha256).limit(limit)
    return [Picture(*row) for row in connection.execute(query)]


def perceptual_hashes(connection: Connection) -> Iterator[tuple[str, str, str | None]]:
    """Every picture with its perceptual hash and what it is a near duplicate of, oldest first; streamed."""
    picture = t.Picture
    columns = (picture.sha256, picture.perceptual_hash, picture.near_duplicate_of)
    query = select(*columns).order_by(picture.first_seen, picture.sha256)
    for row in connection.execution_options(yield_per=AT_ONCE).execute(query):
        yield row.sha256, row.perceptual_hash, row.near_duplicate_of


def verdicts(connection: Connection, sha256s: Iterable[str], model_set: str, prompt_set: str) -> dict[str, Verdict]:
    """Stored verdicts of a model set with a prompt set, by picture."""
    columns = [getattr(t.Verdict, field.name) for field in fields(Verdict)]
    query = select(*columns).where(t.Verdict.model_set == model_set, t.Verdict.prompt_set == prompt_set)
    return {
        row.sha256: Verdict(*row)
        for keys in _chunks(sha256s)
        for row in connection.execute(query.where(t.Verdict.sha256.in_(keys)))
    }


def votes(connection: Connection, sha256s: Iterable[str], model_set: str, prompt_set: str) -> list[Vote]:
    """Stored votes of a model set with a prompt set, by picture and voter."""
    columns = [getattr(t.Vote, field.name) for field in fields(Vote)]
    query = select(*columns).where(t.Vote.model_set == model_set, t.Vote.prompt_set == prompt_set)
    return [
        Vote(*row)
        for keys in _chunks(sha256s)
        for row in connection.execute(query.where(t.Vote.sha256.in_(keys)).order_by(t.Vote.sha256, t.Vote.voter))
    ]


def judged_in(
    connection: Connection,
    kind: Literal["folder", "study"],
    name: str,
    sources: Sequence[str],
    keys: Mapping[str, str],
    most: int,
) -> list[str]:
    """Pictures in a folder, none of those below, or in a study, that lie there in other sources than these.

    `keys`: model_set, prompt_set and encoder_digest of the verdict and vector that they have.
    """
    find_by_key(connection)
    values = {"name": name, "sources": [source_id(source) for source in sources], "most": most, **keys}
    return list(connection.scalars(text(JUDGED_IN.format(lies_in=LIES_IN[kind])), values))


def sources_lacking_verdicts(
    connection: Connection, sources: Sequence[str], model_set: str, prompt_set: str
) -> set[str]:
    """Those sources with a picture that this model set has not scored with this prompt set."""
    by_id = {source_id(name): name for name in sources}
    has_verdict = exists().where(
        t.Verdict.sha256 == t.Occurrence.sha256,
        t.Verdict.model_set == model_set,
        t.Verdict.prompt_set == prompt_set,
    )
    query = select(t.Occurrence.source_id).distinct().where(t.Occurrence.sha256.is_not(None), ~has_verdict)
    return {
        by_id[key]
        for keys in _chunks(by_id)
        for key in connection.scalars(query.where(t.Occurrence.source_id.in_(keys)))
    }


def width_of(connection: Connection, encoder_digest: str) -> int | None:
    """Width of an encoder's vectors, None where none is stored."""
    return connection.scalar(select(t.Model.width).where(t.Model.digest == encoder_digest))


def vectors(
    connection: Connection, encoder_digest: str, sha256s: Iterable[str]
) -> tuple[list[str], NDArray[np.float32]]:
    """Stored vectors of these pictures, float32 (n, width), with the picture of each row."""
    width = width_of(connection, encoder_digest)
    if width is None:
        return [], np.zeros((0, 0), np.float32)
    parts = [read_vectors(connection, encoder_digest, width, keys) for keys in _chunks(sha256s)]
    found = [sha256 for part, _ in parts for sha256 in part]
    return found, np.concatenate([np.zeros((0, width), np.float32), *(values for _, values in parts)])


def lacking_vectors(connection: Connection, encoder_digest: str, sha256s: Iterable[str]) -> set[str]:
    """Those pictures that have no vector by this encoder."""
    wanted = set(sha256s)
    query = select(t.Embedding.sha256).where(t.Embedding.encoder_digest == encoder_digest)
    present = {key for keys in _chunks(wanted) for key in connection.scalars(query.where(t.Embedding.sha256.in_(keys)))}
    return wanted - present


def count_lacking(connection: Connection, encoder_digests: Sequence[str]) -> tuple[int, int]:
    """How many pictures lack a vector by one of these encoders, and how many there are."""
    pictures = connection.scalar(select(func.count()).select_from(t.Picture)) or 0
    has_all = (
        select(t.Embedding.sha256)
        .where(t.Embedding.encoder_digest.in_(encoder_digests))
        .group_by(t.Embedding.sha256)
        .having(func.count() == len(set(encoder_digests)))
    )
    complete = connection.scalar(select(func.count()).select_from(has_all.subquery())) or 0
    return pictures - complete, pictures


def newest_labels(connection: Connection, sha256s: Iterable[str] | None) -> dict[str, LabelRow]:
    """The label that counts of each of these pictures, or of all; unsure ones too."""
    label = t.LabelGiven
    query = (
        select(*_label_columns())
        .ext(distinct_on(label.sha256))
        .order_by(label.sha256, label.labelled_at.desc(), label.id.desc())
    )
    queries = [query] if sha256s is None else [query.where(label.sha256.in_(keys)) for keys in _chunks(sha256s)]
    return {row.sha256: LabelRow(*row) for each in queries for row in connection.execute(each)}


def all_labels(connection: Connection) -> Iterator[LabelRow]:
    """Every label ever given, in the order in which they count."""
    query = select(*_label_columns()).order_by(t.LabelGiven.labelled_at, t.LabelGiven.id)
    for row in connection.execution_options(yield_per=1000).execute(query):
        yield LabelRow(*row)


def verdicts_by_source(connection: Connection, run_id: str) -> list[SourceVerdicts]:
    """Every source of a run with its pictures counted by the run's verdicts."""
    return [SourceVerdicts(*row) for row in connection.execute(text(VERDICTS_BY_SOURCE), {"run_id": run_id})]


def current_model_set(connection: Connection) -> str | None:
    """Digest of the model set that is current in the database."""
    return connection.scalar(select(t.ModelSet.digest).where(t.ModelSet.is_current))


def _label_columns() -> list[InstrumentedAttribute[Any]]:
    return [getattr(t.LabelGiven, field.name) for field in fields(LabelRow)]


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(keys)
    while chunk := list(islice(rest, AT_ONCE)):
        yield chunk
