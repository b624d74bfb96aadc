"""A model set of labelled pictures: clusters named by labels, what these teach, weights of voters, temperature."""

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np

from medsift import voters
from medsift.contracts import Verdict, Vote
from medsift.encoders import Floats
from medsift.modelsets import (
    CARD,
    CLUSTERS,
    EXAMPLES,
    HELD_BACK,
    LEARNED,
    METRICS,
    Calibration,
    Clusters,
    ModelSet,
    clusters_file,
    save,
)
from medsift.modelsets.calibrating import LEARNED as LEARNED_VOTER
from medsift.modelsets.calibrating import fit_calibration, priced
from medsift.modelsets.clusters import fit_clusters, teach, write_clusters
from medsift.modelsets.examples import examples_of, write_examples
from medsift.modelsets.in_use import untaught
from medsift.modelsets.learned import LEAST_OF_EACH, fit_learned, write_learned
from medsift.settings import Settings
from medsift.steps.company import votes_of_pile
from medsift.steps.fit_model_set import UNCALIBRATED, spaces_of
from medsift.steps.labelled import Labelled, finite
from medsift.steps.profile import current_profile, encoder_digests, prompt_set, prompted, usable_model_set
from medsift.strategies import STRATEGIES, Tally
from medsift.volume import Volume
from medsift.voters.zero_shot import zero_shot_log_odds

log = logging.getLogger(__name__)

INNER_FOLDS = 4
LEAST_MEMBERS = 32  # stored pictures for each cluster, or the centres in use are the better ones
MADE_ANEW = (CARD, METRICS, HELD_BACK, LEARNED, EXAMPLES)
NO_FILES: Mapping[str, bytes] = {}


@dataclass(frozen=True)
class Basis:
    """What no label has touched. Every refit starts from it, so that a label counts once, however many refits saw it.

    `model_set` is the newest set that was fitted without labels, None where the profile has none; `clusters` are by
    encoder name, and `pictures` says how many made their centres anew (0: they are the set's).
    """

    model_set: ModelSet | None
    clusters: Mapping[str, Clusters]
    pictures: int

    @property
    def calibration(self) -> Calibration:
        """The weights that labels move away from."""
        return self.model_set.calibration.without_points() if self.model_set else UNCALIBRATED


def basis_of(settings: Settings, vectors: Mapping[str, Floats]) -> Basis:
    """The basis of the profile in use: with new centres where the vectors (n, d) by encoder are enough for them."""
    model_set = untaught(Volume(settings.volume), usable_model_set(settings))
    if model_set is not None:
        model_set = model_set.used_with(encoder_digests(settings))
    rows = np.flatnonzero(finite(vectors))
    if len(rows) < LEAST_MEMBERS * settings.cluster_count:
        return Basis(model_set, model_set.clusters() if model_set else {}, 0)
    words = prompted(settings)
    odds = zero_shot_log_odds(vectors[words.encoder][rows], words)
    zero_shot = (1 / (1 + np.exp(-odds))).astype(np.float32)
    clusters = {name: fit_clusters(of[rows], zero_shot, settings.cluster_count) for name, of in vectors.items()}
    return Basis(model_set, clusters, len(rows))


@dataclass(frozen=True)
class Fitter:
    """Fits sets on parts of the labelled pictures, each in a folder of its own under `scratch`.

    `is_learning`: whether there are labels enough for the voter `learned`.
    """

    settings: Settings
    basis: Basis
    scratch: Path
    is_learning: bool
    _numbers: Iterator[int] = field(default_factory=count)

    def fit(self, data: Labelled, files: Mapping[str, bytes] = NO_FILES, previous: str = "") -> ModelSet:
        """A set fitted on all of `data`, with `files` in it, its weights from votes on pictures held back within."""
        return self._saved(data, self._calibration(data), files, previous)

    def _calibration(self, data: Labelled) -> Calibration:
        """Voters that are fitted on labels know those by heart, so they vote on the others; NaN where none could."""
        votes: list[Vote] = []
        parts = np.zeros(len(data), np.intp)
        for number, (fitted, held_back) in enumerate(data.folds(INNER_FOLDS)):
            model_set = self._saved(data.part(fitted), self.basis.calibration)
            votes += one_by_one(self.settings, data.part(held_back), model_set)
            parts[held_back] = number
        if not votes or data.is_medical.all() or not data.is_medical.any():
            return self.basis.calibration
        calibration = self._weighed(data, Tally.of(data.sha256s, votes))
        tally = Tally.of(data.sha256s, [*votes, *in_company(self.settings, data, votes, calibration)])
        return priced(calibration, tally.log_odds(), tally.voters, data.is_medical, parts)

    def _weighed(self, data: Labelled, tally: Tally) -> Calibration:
        """Weights from the pictures of which `learned` has something to say; of all others nothing new is known.

        Where nothing is learnt yet labels move the weights of a profile that has none fitted, and no others.
        """
        before, odds = self.basis.calibration, tally.log_odds()
        taught = np.ones(len(data), bool)
        if self.is_learning:
            taught = ~np.isnan(odds[:, list(tally.voters).index(LEARNED_VOTER)])
        elif before.weights != UNCALIBRATED.weights:
            return before
        is_medical = data.is_medical[taught]
        if is_medical.all() or not is_medical.any():
            return before
        fitted = fit_calibration(odds[taught], list(tally.voters), is_medical, before)
        return replace(fitted, untaught=before) if self.is_learning else fitted

    def _saved(
        self, data: Labelled, calibration: Calibration, files: Mapping[str, bytes] = NO_FILES, previous: str = ""
    ) -> ModelSet:
        folder = self.scratch / str(next(self._numbers))
        folder.mkdir()
        for name, clusters in self.basis.clusters.items():
            named = teach(clusters, data.evidence.vectors[name], data.is_medical)
            write_clusters(folder / clusters_file(name), named)
        words = current_profile(self.settings).words.name
        if self.is_learning and data.is_medical.any() and not data.is_medical.all():
            learned = fit_learned(data.evidence.vectors, data.is_medical, data.groups, words)
            write_learned(folder / LEARNED, learned)
        if examples := examples_of(words, data.evidence.vectors[words], data.kinds, data.is_medical):
            write_examples(folder / EXAMPLES, examples)
        for file in _carried_over(self.basis.model_set):
            shutil.copyfile(file, folder / file.name)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return save(
            folder,
            name=f"{self.settings.profile}-of-labels",
            profile=self.settings.profile,
            encoders=encoder_digests(self.settings),
            prompt_set=prompt_set(self.settings).digest,
            spaces=spaces_of(current_profile(self.settings)),
            calibration=calibration,
            previous=previous,
        )


def fitter(settings: Settings, basis: Basis, data: Labelled, scratch: Path) -> Fitter:
    """A fitter for these labels."""
    counts = (int(data.is_medical.sum()), int((~data.is_medical).sum()))
    return Fitter(settings, basis, scratch, min(counts) >= LEAST_OF_EACH)


def judge(settings: Settings, data: Labelled, model_set: ModelSet | None) -> list[Verdict]:
    """Verdicts as a run with this model set gives them, had it these pictures alone."""
    decide = STRATEGIES.get(settings.strategy)
    votes, words = one_by_one(settings, data, model_set), current_profile(settings).words
    if model_set is not None and model_set.encoder_digests.get(words.name) == words.digest:
        votes += in_company(settings, data, votes, model_set.calibration)
    return decide(data.sha256s, votes, model_set, settings.review_threshold)


def one_by_one(settings: Settings, data: Labelled, model_set: ModelSet | None) -> list[Vote]:
    """Votes of all voters that look at each picture by itself."""
    return voters.cast_votes(data.evidence, prompted(settings), model_set)


def in_company(settings: Settings, data: Labelled, votes: Sequence[Vote], calibration: Calibration) -> list[Vote]:
    """Votes of `neighbours` on what `votes` say; a group is taken for the folder or document that pictures lie in."""
    vectors = data.evidence.vectors[current_profile(settings).words.name]
    return votes_of_pile(data.sha256s, vectors, votes, calibration, zip(data.sha256s, data.groups, strict=True))


def _carried_over(model_set: ModelSet | None) -> list[Path]:
    """Files of the set that no refit makes: the alignment."""
    if model_set is None:
        return []
    kept = [name for name in model_set.pins if name not in MADE_ANEW and not name.startswith(CLUSTERS)]
    return [model_set.file(name) for name in kept]
