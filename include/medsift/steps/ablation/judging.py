"""Votes and verdicts of one variation, everything fitted anew for each fold on the pictures of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Verdict, Vote
from medsift.modelsets import Calibration, Head, ModelSet
from medsift.modelsets.calibrating import fit_calibration
from medsift.modelsets.clusters import Clusters, Partition, name_clusters, nearest, partition
from medsift.steps.company import Container, votes_of_pile
from medsift.steps.fit_model_set import LEAST_MEMBERS, LEAST_PICTURES
from medsift.strategies import STRATEGIES, Tally
from medsift.voters import Evidence, Prompted, cast_votes
from medsift.voters.zero_shot import zero_shot_log_odds

Floats = NDArray[np.float32]
OfFolds = dict[int, list[Vote]]
NO_CLUSTERS: Mapping[str, Clusters] = {}


@dataclass(frozen=True)
class Material:
    """Distinct pictures: identity, label, fold, captions and tags by row; vectors (n, d) by digest of their encoder.

    `places` has each picture with what it lies in, as often as it lies somewhere. `heads` has what model sets learnt of
    kinds, `alike_from` from which cosine they call pictures alike, both by digest of the encoder it was learnt for.
    """

    sha256s: Sequence[str]
    is_medical: NDArray[np.bool_]
    folds: NDArray[np.intp]
    captions: Sequence[str]
    tags: Sequence[Mapping[str, str]]
    vectors: Mapping[str, Floats]
    places: Sequence[tuple[str, Container]]
    uncalibrated: Calibration  # where the labels of the other folds cannot say
    heads: Mapping[str, Head] = field(default_factory=dict)
    alike_from: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Setup:
    """What votes are made of: digests of encoders by name, the prompts of one of them, and how many clusters.

    `spaces` groups encoders over one tower, as a `ModelSet` has it.
    """

    encoders: Mapping[str, str]
    prompted: Prompted
    spaces: tuple[tuple[str, ...], ...]
    clusters: int


@dataclass(frozen=True)
class FittedSet(ModelSet):
    """A model set that is not on disk."""

    fitted: Mapping[str, Clusters] = field(default_factory=dict)
    learnt: Head | None = None

    def head(self) -> Head | None:
        """What was learnt of kinds."""
        return self.learnt

    def clusters(self) -> dict[str, Clusters]:
        """Clusters by encoder name."""
        return dict(self.fitted)


class Bench:
    """Judges variations on one material. K-Means of the same vectors, fold and count is done once."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._partitions: dict[tuple[str, int, int], Partition] = {}

    @cached_property
    def folds(self) -> list[int]:
        """Numbers of the folds."""
        return [int(fold) for fold in np.unique(self._material.folds)]

    @cached_property
    def least_fitted(self) -> int:
        """Pictures that are fitted on in the fold that has the fewest."""
        return min(int((self._material.folds != fold).sum()) for fold in self.folds)

    def votes(self, setup: Setup) -> OfFolds:
        """What every registered voter says of each fold's pictures, with clusters of all others."""
        return {fold: self._votes(setup, fold) for fold in self.folds}

    def plain_clusters(self, setup: Setup) -> OfFolds:
        """Clusters of the last encoder as a plain pipeline counts them: every one votes, a mixed one too."""
        made: OfFolds = {}
        encoder = list(setup.encoders)[-1]
        for fold in self.folds:
            clusters = self._clusters(setup, encoder, fold)
            judged = self._material.folds == fold
            said = clusters.probability[nearest(self._vectors(setup, encoder)[judged], clusters)]
            names = self._names(judged)
            made[fold] = [Vote(name, "clusters", float(p)) for name, p in zip(names, said, strict=True)]
        return made

    def in_company(self, setup: Setup, votes: OfFolds) -> OfFolds:
        """The votes, and those of the pictures alike: of each fold, those that lie together."""
        digest = setup.encoders[setup.prompted.encoder]
        made: OfFolds = {}
        for fold, cast in votes.items():
            judged = self._material.folds == fold
            calibration = replace(self._of_others(votes, fold), alike_from=self._material.alike_from.get(digest))
            vectors = self._vectors(setup, setup.prompted.encoder)[judged]
            company = votes_of_pile(self._names(judged), vectors, cast, calibration, self._material.places)
            made[fold] = [*cast, *company]
        return made

    def verdicts(self, votes: OfFolds, strategy: str, review_threshold: float) -> dict[str, Verdict]:
        """Verdicts by identity; the calibration of a fold is fitted on the votes of all others."""
        decide = STRATEGIES.get(strategy)
        decided: list[Verdict] = []
        for fold, cast in votes.items():
            model_set = self._set(self._of_others(votes, fold))
            decided += decide(self._names(self._material.folds == fold), cast, model_set, review_threshold)
        return {verdict.sha256: verdict for verdict in decided}

    def _votes(self, setup: Setup, fold: int) -> list[Vote]:
        judged = self._material.folds == fold
        rows = np.flatnonzero(judged).tolist()
        evidence = Evidence(
            self._names(judged),
            {name: self._vectors(setup, name)[judged] for name in setup.encoders},
            [self._material.captions[row] for row in rows],
            [self._material.tags[row] for row in rows],
        )
        is_enough = int((~judged).sum()) >= LEAST_PICTURES
        fitted = {name: self._clusters(setup, name, fold) for name in setup.encoders} if is_enough else {}
        head = self._material.heads.get(setup.encoders[setup.prompted.encoder])
        model_set = self._set(self._material.uncalibrated, fitted, setup.spaces, head)
        return cast_votes(evidence, setup.prompted, model_set)

    def _clusters(self, setup: Setup, encoder: str, fold: int) -> Clusters:
        fitted_on = self._material.folds != fold
        key = (setup.encoders[encoder], setup.clusters, fold)
        if key not in self._partitions:
            count = max(2, min(setup.clusters, int(fitted_on.sum()) // LEAST_MEMBERS))
            self._partitions[key] = partition(self._vectors(setup, encoder)[fitted_on], count)
        odds = zero_shot_log_odds(self._vectors(setup, setup.prompted.encoder)[fitted_on], setup.prompted)
        return name_clusters(self._partitions[key], (1 / (1 + np.exp(-odds))).astype(np.float32))

    def _of_others(self, votes: OfFolds, fold: int) -> Calibration:
        others = self._material.folds != fold
        is_medical = self._material.is_medical[others]
        if not is_medical.any() or is_medical.all():
            return self._material.uncalibrated
        cast = [vote for other, its in votes.items() if other != fold for vote in its]
        tally = Tally.of(self._names(others), cast)
        return fit_calibration(tally.log_odds(), list(tally.voters), is_medical)

    def _set(
        self,
        calibration: Calibration,
        fitted: Mapping[str, Clusters] = NO_CLUSTERS,
        spaces: tuple[tuple[str, ...], ...] = (),
        head: Head | None = None,
    ) -> FittedSet:
        digests = dict.fromkeys(fitted, "")
        return FittedSet("ablation", "", "", Path(), digests, "", spaces, calibration, {}, fitted=fitted, learnt=head)

    def _names(self, chosen: NDArray[np.bool_]) -> list[str]:
        return [self._material.sha256s[row] for row in np.flatnonzero(chosen).tolist()]

    def _vectors(self, setup: Setup, encoder: str) -> Floats:
        return self._material.vectors[setup.encoders[encoder]]


def of_voter(votes: OfFolds, voter: str) -> OfFolds:
    """The votes of one voter."""
    return {fold: [vote for vote in cast if vote.voter == voter] for fold, cast in votes.items()}


def joined(*votes: OfFolds) -> OfFolds:
    """All of several votes together."""
    return {fold: [vote for cast in votes for vote in cast[fold]] for fold in votes[0]}


def alone(votes: OfFolds, review_threshold: float) -> dict[str, Verdict]:
    """Verdicts of a voter that nobody else is asked beside; a picture on which it abstains has none."""
    decided: dict[str, Verdict] = {}
    for cast in votes.values():
        said = [vote for vote in cast if vote.probability is not None]
        tally = Tally.of([vote.sha256 for vote in said], said)
        own = tally.probabilities[:, 0] if said else np.zeros(0)
        decided |= {verdict.sha256: verdict for verdict in tally.verdicts(own, review_threshold)}
    return decided
