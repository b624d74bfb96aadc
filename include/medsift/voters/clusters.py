"""The company a picture keeps: what the training pictures of its cluster are."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Vote
from medsift.modelsets import ModelSet
from medsift.modelsets.clusters import Clusters, nearest, strangeness
from medsift.voters import Evidence, Prompted, abstain, register

LEAST_PURITY = 0.8  # a cluster with fewer members on its side is mixed: it abstains
MOST_CERTAIN = 0.98  # no cluster says more than this, however pure
STRANGE = (
    1.2  # times its cluster's reach: over the folds 2 % of pictures, whose sure verdicts are thrice as often wrong
)
EVEN = 1e-3  # log-odds that say nothing: clusters of two encoders have outweighed each other
NONE_FITTED = "no clusters fitted for this encoder; `medsift modelset fit FOLDER` makes them"
Doubles = NDArray[np.float64]


def cluster_log_odds(
    vectors: Mapping[str, NDArray[np.float32]],
    clusters: Mapping[str, Clusters],
    spaces: tuple[tuple[str, ...], ...],
) -> Doubles:
    """Log-odds of medical by the nearest clusters, NaN where all of them are mixed: (n,).

    Encoders of one space share a backbone: the mean of those that are not mixed is one vote; spaces add up.
    """
    of_spaces = []
    for space in spaces:
        known = [name for name in space if name in vectors and name in clusters]
        if known:
            of_spaces.append(_mean([_of_encoder(vectors[name], clusters[name]) for name in known]))
    if not of_spaces:
        return np.full(len(next(iter(vectors.values()), ())), np.nan)
    stacked = np.stack(of_spaces)
    return np.where(np.isnan(stacked).all(axis=0), np.nan, np.nansum(stacked, axis=0))


def _of_encoder(vectors: NDArray[np.float32], clusters: Clusters) -> Doubles:
    chosen: Doubles = _log_odds_of(clusters)[nearest(vectors, clusters)]
    return chosen


def _log_odds_of(clusters: Clusters) -> Doubles:
    """Log-odds of each cluster, NaN where it is mixed."""
    certain = np.clip(clusters.probability.astype(np.float64), 1 - MOST_CERTAIN, MOST_CERTAIN)
    return np.where(clusters.purity >= LEAST_PURITY, np.log(certain / (1 - certain)), np.nan)


def _mean(odds: list[Doubles]) -> Doubles:
    stacked = np.stack(odds)
    counted = (~np.isnan(stacked)).sum(axis=0)
    return np.where(counted > 0, np.nansum(stacked, axis=0) / np.maximum(counted, 1), np.nan)


@register("clusters")
class ClusterVoter:
    """The label of the nearest cluster in each space; abstains without a model set and where clusters are mixed."""

    name: ClassVar[str] = "clusters"
    uses_clusters: ClassVar[bool] = True

    def vote(self, evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
        """P(medical) by the company kept; `cluster` and `is_strange` are of the space of the encoder with words."""
        clusters = model_set.clusters() if model_set else {}
        known = [
            name for name in (prompted.encoder, *evidence.vectors) if name in clusters and name in evidence.vectors
        ]
        if model_set is None or not known:
            return abstain(self.name, evidence.sha256s, NONE_FITTED)
        odds = cluster_log_odds(evidence.vectors, clusters, model_set.spaces)
        first, vectors = clusters[known[0]], evidence.vectors[known[0]]
        numbers = nearest(vectors, first)
        own, far = _log_odds_of(first)[numbers], strangeness(vectors, first, numbers)
        rows = zip(evidence.sha256s, odds, numbers, own, far, strict=True)
        return [
            self._vote(sha256, float(value), int(number), _said(int(number), first, said, value), float(times))
            for sha256, value, number, said, times in rows
        ]

    def _vote(self, sha256: str, odds: float, number: int, reason: str, far: float) -> Vote:
        is_strange = far > STRANGE
        if is_strange:
            reason += f"; the picture lies {far:.1f} times as far out as it reaches"
        probability = None if np.isnan(odds) else float(1 / (1 + np.exp(-odds)))
        return Vote(sha256, self.name, probability, cluster=number, reason=reason, is_strange=is_strange)


def _said(number: int, clusters: Clusters, own: float, odds: float) -> str:
    """What cluster `number` is by its own log-odds, and whether clusters of other encoders led to other `odds`."""
    if np.isnan(own):
        what = "is mixed"
    else:
        what = f"of {clusters.size[number]} pictures is {'medical' if own >= 0 else 'non-medical'}"
    agrees = np.isnan(odds) or abs(own - odds) < EVEN or (abs(odds) > EVEN and own * odds > 0)
    return f"cluster {number} {what}{'' if agrees else '; that of another encoder differs'}"
