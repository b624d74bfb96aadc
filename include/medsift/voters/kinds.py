"""What kinds look like, as the model set learnt it from the training pictures: a linear head over vectors."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Vote
from medsift.modelsets import Head, ModelSet
from medsift.voters import Evidence, Prompted, abstain, head_of, register
from medsift.voters.zero_shot import kind_logits

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
NONE_FITTED = "no head fitted for this encoder"


@register("kinds")
class KindsVoter:
    """P(medical) is the sum over the medical kinds; abstains without a head for the encoder's vectors.

    The kind is one of the prompts': what was learnt of it, together with how well its prompts fit.
    """

    name: ClassVar[str] = "kinds"
    uses_clusters: ClassVar[bool] = False

    def vote(self, evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
        """P(medical) of every picture, with the best kind of either side."""
        found = head_of(evidence, prompted, model_set)
        if found is None:
            return abstain(self.name, evidence.sha256s, NONE_FITTED)
        head, vectors = found
        shares = head.log_shares(vectors)
        probability = np.exp(shares[:, head.is_medical]).sum(axis=1)
        kinds = _kinds(shares, head, vectors, prompted)
        return [
            self._vote(sha256, float(p), of_sides)
            for sha256, p, of_sides in zip(evidence.sha256s, probability, kinds, strict=True)
        ]

    def _vote(self, sha256: str, probability: float, kinds: tuple[str, str]) -> Vote:
        kind, other = kinds if probability >= 0.5 else kinds[::-1]
        return Vote(sha256, self.name, probability, kind, kind_otherwise=other, reason=f"learnt to know as {kind}")


def _kinds(shares: Doubles, head: Head, vectors: Floats, prompted: Prompted) -> Sequence[tuple[str, str]]:
    """Of each side the kind that fits best; one that the head never learnt counts as likely as any."""
    kinds, is_medical, fit = kind_logits(vectors, prompted)
    learnt = np.full_like(fit, -np.log(len(head.kinds)))
    for column, kind in enumerate(kinds):
        if kind in head.kinds:
            learnt[:, column] = shares[:, head.kinds.index(kind)]
    both = fit + learnt
    medical = np.where(is_medical, both, -np.inf).argmax(axis=1)
    other = np.where(is_medical, -np.inf, both).argmax(axis=1)
    return [(kinds[m], kinds[o]) for m, o in zip(medical, other, strict=True)]
