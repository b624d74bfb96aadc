"""What kinds look like, as the model set learnt it from the training pictures and from those that people named."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Vote
from medsift.modelsets import Examples, Head, ModelSet
from medsift.modelsets.examples import Kind
from medsift.voters import Evidence, Prompted, abstain, head_of, register
from medsift.voters.zero_shot import kind_logits

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
BEHIND = 3.0  # log-odds, see docs/experiments.md
NONE_FITTED = "no head fitted for this encoder"


@register("kinds")
class KindsVoter:
    """P(medical) is the sum over the medical kinds; abstains without a head for the encoder's vectors.

    The kind is one of the prompts' or one that people named: what was learnt of it, how well its prompts fit, and how
    like it is to labelled pictures of that kind. These do not touch P(medical).
    """

    name: ClassVar[str] = "kinds"
    uses_clusters: ClassVar[bool] = False

    def vote(self, evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
        """P(medical) of every picture, with the best kind of either side."""
        found = head_of(evidence, prompted, model_set)
        if found is None or model_set is None:
            return abstain(self.name, evidence.sha256s, NONE_FITTED)
        head, vectors = found
        shares = head.log_shares(vectors)
        probability = np.exp(shares[:, head.is_medical]).sum(axis=1)
        scores = _scores(shares, head, vectors, prompted)
        examples, alike_from = model_set.examples(), model_set.calibration.alike_from
        if examples is not None and alike_from is not None and examples.encoder == prompted.encoder:
            scores = scores.taught(examples, vectors, alike_from)
        rows = zip(evidence.sha256s, probability, scores.best(True), scores.best(False), strict=True)
        return [
            self._vote(sha256, float(p), *(of_sides if p >= 0.5 else of_sides[::-1])) for sha256, p, *of_sides in rows
        ]

    def _vote(self, sha256: str, probability: float, own: "_Named", other: "_Named") -> Vote:
        return Vote(sha256, self.name, probability, own.kind, kind_otherwise=other.kind, reason=own.reason)


@dataclass(frozen=True)
class _Named:
    """A kind, and whether labelled pictures of it spoke for it."""

    kind: str
    is_taught: bool

    @property
    def reason(self) -> str:
        return f"like pictures that people called {self.kind}" if self.is_taught else f"learnt to know as {self.kind}"


@dataclass(frozen=True)
class _Scores:
    """Log-odds of kinds but for a constant: `values` (n, k); `is_taught` (n, k): where labelled pictures spoke."""

    kinds: Sequence[Kind]
    values: Doubles
    is_taught: NDArray[np.bool_]

    @classmethod
    def of(cls, kinds: Sequence[Kind], values: Doubles) -> Self:
        """Before labelled pictures had a say."""
        return cls(kinds, values, np.zeros(values.shape, bool))

    def taught(self, examples: Examples, vectors: Floats, alike_from: float) -> "_Scores":
        """With what labelled pictures add; a kind that is theirs alone starts `BEHIND` the best of its side."""
        new = [kind for kind in examples.kinds if kind not in self.kinds]
        level = [self.values[:, self._of_side(is_medical)].max(axis=1) - BEHIND for _, is_medical in new]
        kinds = [*self.kinds, *new]
        pulls = np.zeros((len(self.values), len(kinds)))
        pulls[:, [kinds.index(kind) for kind in examples.kinds]] = examples.pulls(vectors, alike_from)
        return _Scores(kinds, np.column_stack([self.values, *level]) + pulls, pulls > 0)

    def best(self, is_medical: bool) -> list[_Named]:
        """Of each picture the best kind of a side."""
        columns = self._of_side(is_medical)
        best = columns[self.values[:, columns].argmax(axis=1)]
        return [_Named(self.kinds[column][0], bool(self.is_taught[row, column])) for row, column in enumerate(best)]

    def _of_side(self, is_medical: bool) -> NDArray[np.intp]:
        return np.flatnonzero([side == is_medical for _, side in self.kinds])


def _scores(shares: Doubles, head: Head, vectors: Floats, prompted: Prompted) -> _Scores:
    """How well each kind of the prompts fits; one that the head never learnt counts as likely as any."""
    kinds, is_medical, fit = kind_logits(vectors, prompted)
    learnt = np.full_like(fit, -np.log(len(head.kinds)))
    for column, kind in enumerate(kinds):
        if kind in head.kinds:
            learnt[:, column] = shares[:, head.kinds.index(kind)]
    return _Scores.of(list(zip(kinds, map(bool, is_medical), strict=True)), fit + learnt)
