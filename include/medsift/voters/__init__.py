"""Who votes: vectors, words or tags to P(medical), or an abstention. One file a voter, registered by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Vote
from medsift.modelsets import Head, ModelSet
from medsift.registry import Registry

NO_VECTOR = "no vector"  # why a voter abstains from a picture that could not be embedded


@dataclass(frozen=True)
class Evidence:
    """What voters may look at, aligned with `sha256s`: vectors by encoder name (n, d), captions, kept tags."""

    sha256s: Sequence[str]
    vectors: Mapping[str, NDArray[np.float32]]
    captions: Sequence[str]
    tags: Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Prompted:
    """The prompts of a run as vectors of one encoder: row i is prompt i, of `kinds[i]`, medical or not.

    `scale` is that encoder's factor between cosine and log-odds.
    """

    encoder: str
    scale: float
    vectors: NDArray[np.float32]
    kinds: Sequence[str]
    is_medical: Sequence[bool]


class Voter(Protocol):
    """A voter gives one `Vote` a picture, in the order of the evidence, whatever else is in the evidence."""

    name: ClassVar[str]
    uses_clusters: ClassVar[bool]  # voters of the step `cluster`; all others vote in `score`

    def vote(self, evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
        """P(medical) or None for each picture."""


def head_of(
    evidence: Evidence, prompted: Prompted, model_set: ModelSet | None
) -> tuple[Head, NDArray[np.float32]] | None:
    """The head that was fitted for the prompts' encoder, and that encoder's vectors; None where either is missing."""
    head = model_set.head() if model_set else None
    vectors = evidence.vectors.get(prompted.encoder)
    if head is None or vectors is None or head.encoder != prompted.encoder:
        return None
    return head, vectors


def abstain(voter: str, sha256s: Sequence[str], reason: str) -> list[Vote]:
    """No vote of `voter` on any of these pictures, for that reason."""
    return [Vote(sha256, voter, None, reason=reason) for sha256 in sha256s]


VOTERS: Registry[type[Voter]] = Registry("voter", "medsift.voters")
register = VOTERS.register


def cast_votes(evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
    """The votes of every registered voter on every picture, one voter after the other."""
    return [vote for name in VOTERS.names() for vote in VOTERS.get(name)().vote(evidence, prompted, model_set)]
