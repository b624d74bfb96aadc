"""What a fit from labels asks of Postgres: where labelled pictures stand, what is like them, what was embedded."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select, text

from medsift.contracts import Occurrence
from medsift.store import tables as t

# Links were made in many runs: a picture may be linked to one that is itself linked.
FAMILIES = """
WITH RECURSIVE chain AS (
    SELECT sha256, sha256 AS member, near_duplicate_of FROM pictures WHERE sha256 = ANY(:sha256s)
    UNION
    SELECT chain.sha256, p.sha256, p.near_duplicate_of
    FROM chain JOIN pictures p ON p.sha256 = chain.near_duplicate_of
)
SELECT sha256, member FROM chain WHERE near_duplicate_of IS NULL ORDER BY 1, 2
"""
EMBEDDED = """
SELECT sha256 FROM embeddings WHERE encoder_digest = ANY(:digests)
GROUP BY sha256 HAVING count(*) = :encoders ORDER BY sha256 LIMIT :most
"""


def places_of(connection: Connection, sha256s: Iterable[str]) -> list[Occurrence]:
    """All occurrences of these pictures, by source and the order in it."""
    columns = [column for column in t.Occurrence.__table__.columns if column.name != "source_id"]
    query = (
        select(t.Source.source, *columns)
        .join(t.Source, t.Source.id == t.Occurrence.source_id)
        .where(t.Occurrence.sha256.in_(list(sha256s)))
        .order_by(t.Source.source, t.Occurrence.ordinal)
    )
    rows = (dict(row) for row in connection.execute(query).mappings())
    return [Occurrence(box=tuple(box) if (box := row.pop("box")) else None, **row) for row in rows]


def families(connection: Connection, sha256s: Iterable[str]) -> list[tuple[str, str]]:
    """Each of these pictures with the one that all its near duplicates are linked to, at first itself."""
    return [(sha256, first) for sha256, first in connection.execute(text(FAMILIES), {"sha256s": list(sha256s)})]


def embedded(connection: Connection, encoder_digests: Sequence[str], most: int) -> list[str]:
    """Pictures that all these encoders have embedded, at most so many: digests are random, so the first are a sample.

    Their order is that of their identities.
    """
    keys = {"digests": list(encoder_digests), "encoders": len(set(encoder_digests)), "most": most}
    return list(connection.scalars(text(EMBEDDED), keys))
