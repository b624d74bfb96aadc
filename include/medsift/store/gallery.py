"""Pictures as pages and exports list them: filtered, sorted, a page at a time, and counted.

Pages go on after the last row shown (keyset), so that the thousandth page costs what the first does.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from medsift.errors import UsageError
from medsift.store.publish import source_id
from medsift.store.records import ExportRow, PictureFilter

BINS = 20  # of the histogram of P(medical)

CONDITIONS = {
    "label": "c.label = :label",
    "kind": "coalesce(nullif(c.kind, ''), 'unknown') = :kind",
    "min_confidence": "c.confidence >= :min_confidence",
    "max_confidence": "c.confidence <= :max_confidence",
    "min_probability": "c.probability >= :min_probability",
    "max_probability": "(c.probability < :max_probability OR :max_probability >= 1)",
    "needs_review": "coalesce(c.needs_review, false) = :needs_review",
    "source": "c.sha256 IN (SELECT sha256 FROM occurrences WHERE source_id = :source)",
    "source_kind": "c.sha256 IN (SELECT sha256 FROM occurrences WHERE kind = :source_kind)",
    "run": "c.sha256 IN (SELECT sha256 FROM run_pictures WHERE run_id = :run)",
    "disputed": "(coalesce(c.agreement, 1) < 1) = :disputed",
    "duplicates": "(c.sha256 IN (SELECT sha256 FROM pictures WHERE near_duplicate_of IS NOT NULL)) = :duplicates",
    "decided_by": "c.decided_by = :decided_by",
    "cluster": "c.cluster = :cluster",
    "model_set": "c.model_set = coalesce(:model_set, (SELECT digest FROM model_sets WHERE is_current))",
    "words": "c.words @@ to_tsquery('simple', :words)",
}
FROM = "FROM catalogue c JOIN pictures p USING (sha256)"

# What a sort compares, its type in Postgres, and its direction; ties go by identity.
SORTS = {
    "newest": ("c.first_seen", "timestamptz", "DESC"),
    "least_sure": ("coalesce(c.confidence, 1)", "float", "ASC"),
    "surest": ("coalesce(c.confidence, 0)", "float", "DESC"),
    "most_medical": ("coalesce(c.probability, 0)", "float", "DESC"),
    "least_medical": ("coalesce(c.probability, 1)", "float", "ASC"),
}

EXPORT = """
SELECT c.sha256, c.label, c.decided_by, c.labelled_by, c.probability, c.confidence, c.kind, c.needs_review,
       p.first_seen, p.last_seen, p.width, p.height, p.extension, p.near_duplicate_of,
       o.source, o.kind AS source_kind, o.page, o.url, o.path, o.caption
{source}
LEFT JOIN LATERAL (
    SELECT s.source, o.kind, o.page, o.url, o.path, o.caption
    FROM occurrences o JOIN sources s ON s.id = o.source_id
    WHERE o.sha256 = c.sha256 AND (CAST(:of_source AS text) IS NULL OR o.source_id = :of_source)
    ORDER BY s.source, o.ordinal LIMIT 1
) o ON true
WHERE {condition}
ORDER BY c.sha256
"""

# One reading for all counts: pictures that count alike are told as one.
TOTALS = """
SELECT c.label, c.decided_by, coalesce(c.kind, '') AS kind, coalesce(c.needs_review, false) AS needs_review,
       coalesce(c.agreement < 1, false) AS is_disputed, least(floor(c.probability * :bins), :bins - 1)::int AS bin,
       count(*) AS pictures
FROM catalogue c WHERE {condition} GROUP BY 1, 2, 3, 4, 5, 6
"""
# The same where the filter asks for nothing else, from what is kept ready.
KEPT_TOTALS = "SELECT * FROM catalogue_counts c WHERE {condition}"
KEPT_CONDITIONS = {
    "label": CONDITIONS["label"],
    "kind": CONDITIONS["kind"],
    "needs_review": "c.needs_review = :needs_review",
    "disputed": "c.is_disputed = :disputed",
    "decided_by": CONDITIONS["decided_by"],
}
SOURCES = """
SELECT s.source, s.kind, n.pictures, n.medical, n.to_review FROM (
    SELECT o.source_id, count(*) AS pictures, count(*) FILTER (WHERE c.label = 'medical') AS medical,
           count(*) FILTER (WHERE c.needs_review) AS to_review
    FROM catalogue c
    JOIN (SELECT DISTINCT source_id, sha256 FROM occurrences WHERE sha256 IS NOT NULL) o ON o.sha256 = c.sha256
    WHERE {condition} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT :most
) n JOIN sources s ON s.id = n.source_id
ORDER BY n.pictures DESC, s.source
"""


@dataclass(frozen=True)
class ListedPicture:
    """A picture as pages show it; `said` is a person's newest label, unsure ones too. `cluster` is of `model_set`."""

    sha256: str
    label: str
    decided_by: str
    labelled_by: str | None
    said: str | None
    kind: str | None
    needs_review: bool | None
    verdict: str | None
    probability: float | None
    confidence: float | None
    agreement: float | None
    review_reason: str
    model_set: str | None
    cluster: int | None
    disagreement: float | None
    first_seen: datetime
    captions: str
    width: int
    height: int
    extension: str
    near_duplicate_of: str | None


@dataclass(frozen=True)
class Totals:
    """Pictures that pass a filter, counted; `histogram` has `BINS` bins of P(medical) by the model."""

    pictures: int
    medical: int
    non_medical: int
    to_review: int
    by_person: int
    disputed: int
    histogram: tuple[int, ...]
    kinds: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class SourceCount:
    """A source with its pictures that pass a filter."""

    source: str
    kind: str
    pictures: int
    medical: int
    to_review: int


OF_CATALOGUE = {"width", "height", "extension", "near_duplicate_of"}
LISTED = ", ".join(f"{'p' if field.name in OF_CATALOGUE else 'c'}.{field.name}" for field in fields(ListedPicture))


def page(
    connection: Connection, wanted: PictureFilter, sort: str, after: str | None, most: int
) -> tuple[list[ListedPicture], str | None]:
    """At most so many pictures, and the mark that the next page goes on `after`, None at the end.

    Raises `UsageError` for a sort or a mark that is none.
    """
    if sort not in SORTS:
        raise UsageError(f"Sort {sort!r}: allowed is {', '.join(SORTS)}.")
    value, kind, direction = SORTS[sort]
    condition, keys = _conditions(wanted)
    if after is not None:
        condition += f" AND ({value}, c.sha256) {'<' if direction == 'DESC' else '>'} "
        condition += f"(CAST(:last_value AS {kind}), :last_sha256)"
        keys |= _mark(after, kind)
    query = f"SELECT {value} AS at, {LISTED} {FROM} WHERE {condition} ORDER BY at {direction}, c.sha256 {direction}"
    rows = connection.execute(text(f"{query} LIMIT :most"), {**keys, "most": most + 1}).all()
    pictures = [ListedPicture(*row[1:]) for row in rows[:most]]
    return pictures, f"{_marked(rows[most - 1][0])}~{rows[most - 1].sha256}" if len(rows) > most else None


def totals(connection: Connection, wanted: PictureFilter) -> Totals:
    """Pictures that pass, counted in all the ways that the results page shows."""
    rows = _counted(connection, wanted)
    bins, kinds, count = Counter[int](), Counter[tuple[str, str]](), Counter[str]()
    for row in rows:
        bins[row.bin] += row.pictures
        kinds[row.label, row.kind] += row.pictures
        count[row.label] += row.pictures
        count[row.decided_by] += row.pictures
        for name in ("needs_review", "is_disputed"):
            count[name] += row.pictures * getattr(row, name)
    return Totals(
        pictures=kinds.total(),
        medical=count["medical"],
        non_medical=count["non-medical"],
        to_review=count["needs_review"],
        by_person=count["person"],
        disputed=count["is_disputed"],
        histogram=tuple(bins[number] for number in range(BINS)),
        kinds=tuple(
            (*kind, pictures) for kind, pictures in sorted(kinds.items(), key=lambda each: (-each[1], each[0]))
        ),
    )


def by_source(connection: Connection, wanted: PictureFilter, most: int) -> list[SourceCount]:
    """The sources with most pictures that pass."""
    condition, keys = _conditions(wanted)
    _give_room(connection)
    rows = connection.execute(text(SOURCES.format(condition=condition)), {**keys, "most": most})
    return [SourceCount(*row) for row in rows]


def listed(connection: Connection, sha256s: list[str]) -> list[ListedPicture]:
    """These pictures, in the order given; those that are not known or not judged are left out."""
    query = f"SELECT {LISTED} {FROM} WHERE c.sha256 = ANY(:sha256s)"
    rows = connection.execute(text(query), {"sha256s": sha256s})
    found = {row.sha256: ListedPicture(*row) for row in rows}
    return [found[sha256] for sha256 in sha256s if sha256 in found]


def export_rows(connection: Connection, wanted: PictureFilter) -> Iterator[ExportRow]:
    """Pictures that pass the filter, by identity, each with the first place where it stands; streamed."""
    condition, keys = _conditions(wanted)
    query = text(EXPORT.format(source=FROM, condition=condition))
    keys["of_source"] = keys.get("source")
    for row in connection.execution_options(yield_per=1000).execute(query, keys):
        yield ExportRow(*row)


def _counted(connection: Connection, wanted: PictureFilter) -> Sequence[Any]:
    """Pictures that pass, by all that is counted of them."""
    condition, keys = _conditions(wanted)
    if keys.keys() <= KEPT_CONDITIONS.keys():
        condition = " AND ".join(KEPT_CONDITIONS[name] for name in keys) or "true"
        return connection.execute(text(KEPT_TOTALS.format(condition=condition)), keys).all()
    _give_room(connection)
    return connection.execute(text(TOTALS.format(condition=condition)), {**keys, "bins": BINS}).all()


def _give_room(connection: Connection) -> None:
    """Memory to group a whole table by hashes: with the server's 4 MB it is sorted on disk, three times as slow."""
    connection.execute(text("SELECT set_config('work_mem', '32MB', true)"))


def _conditions(wanted: PictureFilter) -> tuple[str, dict[str, Any]]:
    keys = {name: value for name, value in asdict(wanted).items() if value is not None}
    if "source" in keys:
        keys["source"] = source_id(keys["source"])
    if "cluster" in keys:
        keys.setdefault("model_set", None)  # that of the set in use
    if "words" in keys:
        # As the captions are cut (migration 0015); signs alone find nothing.
        keys["words"] = " & ".join(f"'{word}':*" for word in re.findall(r"[^\W_]+", keys["words"]))
    return " AND ".join(CONDITIONS[name] for name in keys) or "true", keys


def _marked(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(float(value))


def _mark(after: str, kind: str) -> dict[str, Any]:
    told, _, sha256 = after.partition("~")
    try:
        value = float(told) if kind == "float" else datetime.fromisoformat(told)
    except ValueError:
        raise UsageError(f"The mark {after!r} of the next page is not one that a page has given.") from None
    return {"last_value": value, "last_sha256": sha256}
