"""Votes to verdicts. A strategy is a registered function; what all share, from tally to review flag, is here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import MEDICAL, NON_MEDICAL, Kinds, Verdict, Vote
from medsift.modelsets import ModelSet
from medsift.modelsets.calibrating import NEIGHBOURS
from medsift.modelsets.operating_points import EVEN
from medsift.registry import Registry

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Strategy = Callable[[Sequence[str], Sequence[Vote], ModelSet | None, float], list[Verdict]]

LEAST_DISAGREEMENT = 0.1  # votes nearer to 0.5 than this take no side
BEST_AT_KINDS = ("kinds", NEIGHBOURS)  # know kinds from pictures, prompts only from words; the last knows best
SMALLEST = 1e-6  # probabilities are kept off 0 and 1 by this before log-odds are taken

STRATEGIES: Registry[Strategy] = Registry("strategy", "medsift.strategies")
register = STRATEGIES.register


@dataclass(frozen=True)
class Tally:
    """Votes as a table: `probabilities[i, j]` is voter `voters[j]` on picture `sha256s[i]`, NaN where it abstains.

    `kinds[i]` holds the best kind of picture i if it is medical, and if it is not; `strange` the pictures that a voter
    knows nothing like.
    """

    sha256s: Sequence[str]
    voters: Sequence[str]
    probabilities: Doubles
    kinds: Sequence[Kinds]
    strange: frozenset[str]

    @classmethod
    def of(cls, sha256s: Sequence[str], votes: Sequence[Vote]) -> Self:
        """The votes on these pictures; a picture nobody votes on has a row of abstentions."""
        voters = sorted({vote.voter for vote in votes})
        row = {sha256: number for number, sha256 in enumerate(sha256s)}
        column = {voter: number for number, voter in enumerate(voters)}
        probabilities = np.full((len(sha256s), len(voters)), np.nan)
        naming: list[list[Vote]] = [[] for _ in sha256s]
        for vote in votes:
            if vote.probability is not None and vote.sha256 in row:
                number = row[vote.sha256]
                probabilities[number, column[vote.voter]] = vote.probability
                if vote.kind is not None:
                    naming[number].append(vote)
        strange = frozenset(vote.sha256 for vote in votes if vote.is_strange)
        return cls(sha256s, voters, probabilities, [_best_kinds(votes) for votes in naming], strange)

    def log_odds(self) -> Doubles:
        """Log-odds of every vote, NaN where a voter abstains: (pictures, voters)."""
        return log_odds_of(self.probabilities)

    def verdicts(
        self, probability: Doubles, review_threshold: float, heard: Flags | None = None, threshold: float = EVEN
    ) -> list[Verdict]:
        """Verdicts for P(medical) (n,), medical from `threshold` on; NaN stands for 0.5, where nobody voted.

        `heard` (pictures, voters): whose votes count for agreement and disagreement, all that were cast by default.
        """
        counted = ~np.isnan(self.probabilities) if heard is None else heard
        return [
            self._verdict(number, EVEN if np.isnan(p) else float(p), review_threshold, counted[number], threshold)
            for number, p in enumerate(probability)
        ]

    def _verdict(
        self, number: int, probability: float, review_threshold: float, counted: Flags, threshold: float
    ) -> Verdict:
        is_medical = probability >= threshold
        cast = self.probabilities[number][counted]
        on_its_side = cast >= 0.5 if is_medical else cast < 0.5
        confidence = probability if is_medical else 1 - probability
        reason = self._review_reason(number, confidence, review_threshold, counted)
        return Verdict(
            self.sha256s[number],
            MEDICAL if is_medical else NON_MEDICAL,
            probability,
            confidence,
            self.kinds[number][0 if is_medical else 1],
            float(on_its_side.mean()) if len(cast) else 0.0,
            bool(reason),
            reason,
        )

    def _review_reason(self, number: int, confidence: float, review_threshold: float, counted: Flags) -> str:
        cast = {
            voter: p
            for voter, p, counts in zip(self.voters, self.probabilities[number], counted, strict=True)
            if counts
        }
        if not cast:
            return "No voter could judge it."
        lowest, highest = min(cast, key=lambda v: cast[v]), max(cast, key=lambda v: cast[v])
        if cast[lowest] < 0.5 - LEAST_DISAGREEMENT and cast[highest] > 0.5 + LEAST_DISAGREEMENT:
            return f"Voters disagree: {highest} says {cast[highest]:.2f} medical, {lowest} {cast[lowest]:.2f}."
        if confidence < review_threshold:
            return f"Confidence {confidence:.2f} is below {review_threshold:.2f}."
        if self.sha256s[number] in self.strange:
            return "It is unlike anything known: far from the pictures of its cluster."
        return ""


def log_odds_of(probabilities: Doubles) -> Doubles:
    """Log-odds of probabilities, which are kept off 0 and 1; NaN stays NaN."""
    kept = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    odds: Doubles = np.log(kept / (1 - kept))
    return odds


def _best_kinds(votes: Sequence[Vote]) -> Kinds:
    """Of each side the kind that the best vote names. One that names a single kind (a tag) knows it; one that names
    a kind for either case has compared what is likely."""
    medical = other = None
    for vote in sorted(votes, key=_knowledge):
        is_medical = vote.probability is not None and vote.probability >= 0.5
        own, otherwise = (vote.kind, vote.kind_otherwise)
        medical = (own if is_medical else otherwise) or medical
        other = (otherwise if is_medical else own) or other
    return medical, other


def _knowledge(vote: Vote) -> tuple[bool, int]:
    rank = BEST_AT_KINDS.index(vote.voter) + 1 if vote.voter in BEST_AT_KINDS else 0
    return vote.kind_otherwise is None, rank
