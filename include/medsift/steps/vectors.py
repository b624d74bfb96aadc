"""The vectors of a run: made in its step `embed`, or known to the store from before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Portion
from medsift.steps.context import Context
from medsift.steps.tables import engine_of_vectors, read_vectors


@dataclass(frozen=True)
class Vectors:
    """Float32 `rows` (n, d); `row_of` says which row is whose, `engine` what made them, empty if several or unknown."""

    row_of: Mapping[str, int]
    rows: NDArray[np.float32]
    engine: str = ""

    @classmethod
    def joined(cls, parts: Sequence[tuple[Sequence[str], NDArray[np.float32]]]) -> "Vectors":
        """Several lots of identities and vectors as one."""
        lots = [(sha256s, rows) for sha256s, rows in parts if len(sha256s)]
        identities = [sha256 for sha256s, _ in lots for sha256 in sha256s]
        rows = np.concatenate([rows for _, rows in lots]) if lots else np.zeros((0, 1), np.float32)
        return cls({sha256: number for number, sha256 in enumerate(identities)}, rows)

    def of(self, sha256s: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of these pictures, in their order; raises `KeyError` for one that has none."""
        return self.rows[[self.row_of[sha256] for sha256 in sha256s]]


def made_in_run(context: Context, encoder: str, portion: Portion) -> Vectors:
    """What the step `embed` of this run made of a portion: nothing where it had been embedded before."""
    path = context.volume.table(context.run_id, "embed", f"{portion.name}.{encoder}")
    if not path.exists():
        return Vectors.joined([])
    return replace(Vectors.joined([read_vectors(path)]), engine=engine_of_vectors(path))


def of_portion(context: Context, encoder: str, digest: str, portion: Portion, wanted: Sequence[str]) -> Vectors:
    """Made in this run, or in the store under the encoder's digest."""
    made = made_in_run(context, encoder, portion)
    missing = sorted(set(wanted) - set(made.row_of))
    if context.store is None or not missing:
        return made
    return Vectors.joined([(list(made.row_of), made.rows), context.store.vectors(digest, missing)])
