"""What a fit from labels asks of Postgres: where labelled pictures come from, what stands around them."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, text

from medsift.contracts import Surroundings
from medsift.store.records import Origin

ORIGINS = """
SELECT DISTINCT o.sha256, s.source, o.kind, coalesce(o.tags ->> 'StudyGroup', '')
FROM occurrences o JOIN sources s ON s.id = o.source_id
WHERE o.sha256 = ANY(:sha256s) ORDER BY 1, 2
"""
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
SURROUNDINGS = """
SELECT sha256, string_agg(caption || ' ' || nearby || ' ', '' ORDER BY source_id, ordinal),
       (array_agg(tags ORDER BY source_id, ordinal) FILTER (WHERE tags <> '{}'))[1]
FROM occurrences WHERE sha256 = ANY(:sha256s) GROUP BY sha256
"""
EMBEDDED = """
SELECT sha256 FROM embeddings WHERE encoder_digest = ANY(:digests)
GROUP BY sha256 HAVING count(*) = :encoders ORDER BY sha256 LIMIT :most
"""


def origins(connection: Connection, sha256s: Iterable[str]) -> list[Origin]:
    """The sources in which these pictures stand, a row each."""
    return [Origin(*row) for row in connection.execute(text(ORIGINS), {"sha256s": list(sha256s)})]


def families(connection: Connection, sha256s: Iterable[str]) -> list[tuple[str, str]]:
    """Each of these pictures with the one that all its near duplicates are linked to, at first itself."""
    return [(sha256, first) for sha256, first in connection.execute(text(FAMILIES), {"sha256s": list(sha256s)})]


def surroundings(connection: Connection, sha256s: Iterable[str]) -> dict[str, Surroundings]:
    """Words around these pictures in all their places, and the tags of the first that has any."""
    rows = connection.execute(text(SURROUNDINGS), {"sha256s": list(sha256s)})
    return {sha256: Surroundings(sha256, words, tags or {}) for sha256, words, tags in rows}


def embedded(connection: Connection, encoder_digests: Sequence[str], most: int) -> list[str]:
    """Pictures that all these encoders have embedded, at most so many: digests are random, so the first are a sample.

    Their order is that of their identities.
    """
    keys = {"digests": list(encoder_digests), "encoders": len(set(encoder_digests)), "most": most}
    return list(connection.scalars(text(EMBEDDED), keys))
