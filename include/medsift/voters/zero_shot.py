"""Pictures against prompts: how much more do the medical ones fit than the others?"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Vote
from medsift.modelsets import ModelSet
from medsift.voters import NO_VECTOR, Evidence, Prompted, abstain, register

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def zero_shot_log_odds(vectors: Floats, prompted: Prompted) -> Doubles:
    """Log-odds of medical: log-mean-exp over the medical prompts minus the same over the others, (n, d) -> (n,).

    The mean, not the sum: a side does not gain by having more prompts.
    """
    logits = prompted.scale * (vectors @ prompted.vectors.T).astype(np.float64)
    is_medical = np.asarray(prompted.is_medical, bool)
    odds: Doubles = _log_mean_exp(logits[:, is_medical]) - _log_mean_exp(logits[:, ~is_medical])
    return odds


def kind_logits(vectors: Floats, prompted: Prompted) -> tuple[list[str], NDArray[np.bool_], Doubles]:
    """Kinds of the prompts, whether each is medical, and its log-mean-exp over its prompts: (n, kinds)."""
    logits = prompted.scale * (vectors @ prompted.vectors.T).astype(np.float64)
    of_prompts = list(zip(prompted.kinds, prompted.is_medical, strict=True))
    kinds = list(dict.fromkeys(of_prompts))
    columns = [_log_mean_exp(logits[:, [each == kind for each in of_prompts]]) for kind in kinds]
    return [name for name, _ in kinds], np.array([side for _, side in kinds], bool), np.stack(columns, axis=1)


def best_kinds(vectors: Floats, prompted: Prompted) -> list[tuple[str, str]]:
    """For each picture the kind that fits best among the medical ones, and among the others."""
    cosines = vectors @ prompted.vectors.T
    is_medical = np.asarray(prompted.is_medical, bool)
    medical = np.where(is_medical, cosines, -np.inf).argmax(1)
    other = np.where(is_medical, -np.inf, cosines).argmax(1)
    return [(prompted.kinds[m], prompted.kinds[o]) for m, o in zip(medical, other, strict=True)]


def _log_mean_exp(logits: Doubles) -> Doubles:
    top = logits.max(axis=1, keepdims=True)
    result: Doubles = top[:, 0] + np.log(np.exp(logits - top).mean(axis=1))
    return result


@register("zero_shot")
class ZeroShot:
    """Prompt ensembling after Radford et al. 2021, over all kinds of both sides."""

    name: ClassVar[str] = "zero_shot"
    uses_clusters: ClassVar[bool] = False

    def vote(self, evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
        """P(medical) of every picture, with the best kind of either side; abstains without the encoder's vectors."""
        vectors = evidence.vectors.get(prompted.encoder)
        if vectors is None:
            return abstain(self.name, evidence.sha256s, NO_VECTOR)
        probability = 1 / (1 + np.exp(-zero_shot_log_odds(vectors, prompted)))
        return [
            self._vote(sha256, float(p), kinds)
            for sha256, p, kinds in zip(evidence.sha256s, probability, best_kinds(vectors, prompted), strict=True)
        ]

    def _vote(self, sha256: str, probability: float, kinds: tuple[str, str]) -> Vote:
        kind, other = kinds if probability >= 0.5 else kinds[::-1]
        return Vote(sha256, self.name, probability, kind, kind_otherwise=other, reason=f"looks most like {kind}")
