"""Pictures like a picture, by pgvector: one partial index an encoder, over vectors of half precision."""

import logging

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from medsift.errors import StoreError
from medsift.store.queries import width_of
from medsift.store.records import Neighbour
from medsift.store.schema import has_vector_search

log = logging.getLogger(__name__)

OFF = "Search by likeness is off: this Postgres has no pgvector extension."
HINT = "Install pgvector on the server, then run: medsift db migrate"
# By the encoder with words of the current model set's profile, which has its name; else by any that saw the picture.
OWN_VECTOR = """
SELECT m.digest, CAST(e.vector AS real[]) AS vector
FROM embeddings e JOIN models m ON m.digest = e.encoder_digest
WHERE e.sha256 = :sha256
ORDER BY m.name IN (SELECT profile FROM model_sets WHERE is_current) DESC, m.registered_at DESC, m.digest LIMIT 1
"""
FEW_TO_ONE_COMING = 4  # stored vectors to one that is written
MIN_EF_SEARCH, MAX_EF_SEARCH = 40, 1000  # pgvector's default and limit


def build_search_index(connection: Connection, encoder_digest: str) -> bool:
    """Build the encoder's index unless it is there, best after many vectors were written; False where search is off."""
    if not has_vector_search(connection):
        log.info("%s %s", OFF, HINT)
        return False
    if width_of(connection, encoder_digest) is None:
        return False
    connection.execute(text("SELECT build_search_index(:digest)"), {"digest": encoder_digest})
    return True


def set_search_index_aside(connection: Connection, encoder_digest: str, coming: int) -> None:
    """Drop the encoder's index where so many vectors are coming that to build it anew is quicker than to add them.

    With vectors of 1280 floats, adding took seven times as long as building. The search goes without until then.
    """
    most = coming * FEW_TO_ONE_COMING
    stored = connection.scalar(
        text("SELECT count(*) FROM (SELECT FROM embeddings WHERE encoder_digest = :digest LIMIT :most + 1) AS found"),
        {"digest": encoder_digest, "most": most},
    )
    if stored <= most:
        connection.execute(text("SELECT drop_search_index(:digest)"), {"digest": encoder_digest})


def nearest(connection: Connection, encoder_digest: str, vector: NDArray[np.float32], limit: int) -> list[Neighbour]:
    """The pictures whose vectors point most nearly the same way as `vector`, float32 (width,), best first."""
    width = _require_search(connection, encoder_digest)
    if vector.shape != (width,):
        raise ValueError(f"vectors of this encoder have shape ({width},), not {vector.shape}")
    reach = min(MAX_EF_SEARCH, max(MIN_EF_SEARCH, 2 * limit))
    connection.execute(text("SELECT set_config('hnsw.ef_search', :reach, true)"), {"reach": str(reach)})
    distance = f"vector::halfvec({width}) <=> CAST(:vector AS halfvec({width}))".replace("::", r"\:\:")
    found = connection.execute(
        text(
            f"SELECT sha256, 1 - ({distance}) FROM embeddings WHERE encoder_digest = :digest"  # noqa: S608 - an integer
            f" ORDER BY {distance} LIMIT :limit"
        ),
        {"vector": str(vector.astype(float).tolist()), "digest": encoder_digest, "limit": limit},
    )
    return [Neighbour(sha256, similarity) for sha256, similarity in found]


def like(connection: Connection, sha256: str, limit: int) -> list[Neighbour]:
    """The pictures most like a stored one, best first and without itself, by the encoder of the profile in use."""
    if not has_vector_search(connection):
        raise StoreError(OFF, HINT)
    own = connection.execute(text(OWN_VECTOR), {"sha256": sha256}).first()
    if own is None:
        return []
    vector = np.array(own.vector, np.float32)
    return [each for each in nearest(connection, own.digest, vector, limit + 1) if each.sha256 != sha256][:limit]


def _require_search(connection: Connection, encoder_digest: str) -> int:
    if not has_vector_search(connection):
        raise StoreError(OFF, HINT)
    width = width_of(connection, encoder_digest)
    if width is None:
        raise StoreError(f"No vectors of the encoder {encoder_digest} are stored.")
    return width
