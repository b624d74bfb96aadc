"""What is compared: plain pipelines and ours, voters, strategies, cluster counts, encoders, prompts, enhancement."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from medsift.contracts import Verdict
from medsift.encoders import CNN_ENCODERS, PROFILES
from medsift.evaluation.ablation import Row, measured, not_measured
from medsift.evaluation.manifest import ManifestRow
from medsift.evaluation.predictions import Prediction
from medsift.modelsets.calibrating import NEIGHBOURS
from medsift.prompts import list_prompt_sets, load_prompts, why_unusable
from medsift.settings import Settings
from medsift.steps.ablation.encoding import Encoded, Spec
from medsift.steps.ablation.judging import Bench, OfFolds, Setup, alone, joined, of_voter
from medsift.steps.ablation.library import ENHANCEMENTS, Library, Missing, cnn_of, enhanced_by, words_of
from medsift.steps.ablation.pictures import Outcome
from medsift.steps.fit_model_set import LEAST_MEMBERS, LEAST_PICTURES
from medsift.strategies import STRATEGIES
from medsift.voters import VOTERS, Prompted

CLUSTER_COUNTS = (2, 8, 16, 32, 64, 128)
FEWEST = 2  # clusters of the plain pipeline
PLAIN_VOTE = "majority"
ABSTAINED = "abstains on every picture"
TOO_FEW = f"too few pictures: clusters need {LEAST_PICTURES} besides those that are judged"

Answer = tuple[dict[str, Verdict], OfFolds]  # verdicts by identity, and the votes behind them
Judged = Callable[[], Answer]


@dataclass(frozen=True)
class Variations:
    """Makes the rows, all of them of the same pictures."""

    settings: Settings
    library: Library
    bench: Bench
    rows: Sequence[ManifestRow]
    outcomes: Sequence[Outcome]

    def all(self) -> Iterator[Row]:
        """Every row, group by group."""
        for profile in sorted(PROFILES.names(), key=lambda name: (name != self.settings.profile, name)):
            yield from self.comparison(profile)
        yield from self.voters()
        yield from self.strategies()
        yield from self.cluster_counts()
        yield from self.cnn_encoders()
        yield from self.prompt_sets()
        yield from self.enhancements()

    def comparison(self, profile: str) -> Iterator[Row]:
        """Each encoder as a plain pipeline uses it, their plain vote, and the ensemble."""
        words, cnn = words_of(profile), cnn_of(profile)
        compared: Sequence[tuple[str, tuple[Spec, ...], Judged]] = (
            ("zero-shot alone", (words,), lambda: self._zero_shot(self._setup(words))),
            (f"CNN with K-Means, K={FEWEST}", (cnn,), lambda: self._plain_clusters(self._setup(words, cnn, FEWEST))),
            ("their plain vote", (words, cnn), lambda: self._plain_vote(self._setup(words, cnn, FEWEST))),
            ("our ensemble", (words, cnn), lambda: self._ensemble(self._setup(words, cnn))),
        )
        for name, specs, judged in compared:
            yield self._row("comparison", name, profile, specs, judged)

    def voters(self) -> Iterator[Row]:
        """Each voter alone; where it abstains it is wrong, and where it always does there is nothing to measure."""
        for voter in (*VOTERS.names(), NEIGHBOURS):
            specs = self._own if voter == NEIGHBOURS or VOTERS.get(voter).uses_clusters else self._own[:1]
            yield self._row("voters", voter, self.settings.profile, specs, partial(self._voter, voter))

    def strategies(self) -> Iterator[Row]:
        """Each strategy over the votes of all voters."""
        for strategy in STRATEGIES.names():
            judged = partial(self._by_strategy, strategy)
            yield self._row("strategies", strategy, self.settings.profile, self._own, judged)

    def cluster_counts(self) -> Iterator[Row]:
        """K-Means of the CNN alone, where mixed clusters vote too, and the ensemble, in which they abstain."""
        most = max(FEWEST, self.bench.least_fitted // LEAST_MEMBERS)
        for count in CLUSTER_COUNTS:
            few = f"too few pictures: {LEAST_MEMBERS} a cluster are needed" if count > most else ""
            yield from self._clustered("clusters", f"K={count}", self._own[1], count, few)

    def cnn_encoders(self) -> Iterator[Row]:
        """The same with each CNN in the place of the profile's own."""
        for name in CNN_ENCODERS.names():
            yield from self._clustered("CNN encoders", name, Spec("", "cnn", name), self.settings.cluster_count)

    def prompt_sets(self) -> Iterator[Row]:
        """Each prompt set: zero-shot alone, and the ensemble, whose clusters it names anew."""
        profile = self.settings.profile
        for name in list_prompt_sets(self.settings.prompts_dir):
            if reason := why_unusable(self.settings.prompts_dir, name):
                yield not_measured("prompt sets", name, profile, "", reason.rstrip("."))
                continue
            alone_with = partial(self._with_prompts, name, self._zero_shot)
            together = partial(self._with_prompts, name, self._ensemble)
            yield self._row("prompt sets", f"{name}, zero-shot alone", profile, self._own[:1], alone_with)
            yield self._row("prompt sets", f"{name}, in the ensemble", profile, self._own, together)

    def enhancements(self) -> Iterator[Row]:
        """Pictures as they are and enhanced in each way: zero-shot alone, and the ensemble.

        As in a run, what was learnt of kinds is of no use where pictures are enhanced otherwise than it was learnt on.
        """
        profile = self.settings.profile
        for way in ENHANCEMENTS:
            words, cnn = enhanced_by(way, profile)
            name = ", ".join(way) or "none"
            alone_with = partial(self._with_encoders, self._zero_shot, words)
            together = partial(self._with_encoders, self._ensemble, words, cnn)
            yield self._row("enhancement", f"{name}, zero-shot alone", profile, (words,), alone_with)
            yield self._row("enhancement", f"{name}, in the ensemble", profile, (words, cnn), together)

    def predictions(self, verdicts: Mapping[str, Verdict], votes: OfFolds) -> list[Prediction]:
        """One prediction a row of the manifest; without a verdict where there is no picture, or nobody voted."""
        said: dict[str, dict[str, float | None]] = {}
        for cast in votes.values():
            for vote in cast:
                said.setdefault(vote.sha256, {})[vote.voter] = vote.probability
        return [
            _prediction(row, outcome, verdicts.get(outcome.sha256 or ""), said.get(outcome.sha256 or "", {}))
            for row, outcome in zip(self.rows, self.outcomes, strict=True)
        ]

    def of_profile(self) -> list[Prediction]:
        """The predictions of the ensemble as the settings have it."""
        return self.predictions(*self._ensemble(self._setup(*self._own)))

    @property
    def _own(self) -> tuple[Spec, Spec]:
        return words_of(self.settings.profile), cnn_of(self.settings.profile)

    @cached_property
    def _own_votes(self) -> OfFolds:
        """The votes of all voters as the settings have it."""
        return self._votes(self._setup(*self._own))

    def _votes(self, setup: Setup) -> OfFolds:
        return self.bench.in_company(setup, self.bench.votes(setup))

    def _row(self, group: str, name: str, profile: str, specs: Sequence[Spec], judged: Judged) -> Row:
        encoders = ", ".join(self._name_of(spec) for spec in specs)
        missing = self.library.why_not(*specs)
        if not missing and self.bench.least_fitted < LEAST_PICTURES and any(spec.part == "cnn" for spec in specs):
            missing = Missing(TOO_FEW)
        if missing:
            return not_measured(group, name, profile, encoders, missing.reason, missing.command)
        predictions = self.predictions(*judged())
        if all(prediction.verdict is None for prediction in predictions):
            return not_measured(group, name, profile, encoders, ABSTAINED)
        return measured(group, name, profile, encoders, predictions, self.library.cost(*specs))

    def _name_of(self, spec: Spec) -> str:
        known = self.library.at_hand.get(spec)
        return known.measured.name if known else spec.name or f"{spec.part} of {spec.profile}"

    def _clustered(self, group: str, name: str, cnn: Spec, count: int, few: str = "") -> Iterator[Row]:
        words, profile = self._own[0], self.settings.profile
        if few:
            yield not_measured(group, name, profile, self._name_of(cnn), few)
            return
        yield self._row(
            group, f"{name}, alone", profile, (cnn,), lambda: self._plain_clusters(self._setup(words, cnn, count))
        )
        yield self._row(
            group, f"{name}, in the ensemble", profile, (words, cnn),
            lambda: self._ensemble(self._setup(words, cnn, count)),
        )  # fmt: skip

    def _zero_shot(self, setup: Setup) -> Answer:
        votes = of_voter(self.bench.votes(setup), "zero_shot")
        return alone(votes, self.settings.review_threshold), votes

    def _plain_clusters(self, setup: Setup) -> Answer:
        votes = self.bench.plain_clusters(setup)
        return alone(votes, self.settings.review_threshold), votes

    def _plain_vote(self, setup: Setup) -> Answer:
        votes = joined(self._zero_shot(setup)[1], self.bench.plain_clusters(setup))
        return self.bench.verdicts(votes, PLAIN_VOTE, self.settings.review_threshold), votes

    def _voter(self, voter: str) -> Answer:
        votes = of_voter(self._own_votes, voter)
        return alone(votes, self.settings.review_threshold), votes

    def _by_strategy(self, strategy: str) -> Answer:
        return self._ensemble(self._setup(*self._own), strategy)

    def _ensemble(self, setup: Setup, strategy: str = "") -> Answer:
        votes = self._votes(setup)
        strategy = strategy or self.settings.strategy
        return self.bench.verdicts(votes, strategy, self.settings.review_threshold), votes

    def _with_prompts(self, name: str, judged: Callable[[Setup], Answer]) -> Answer:
        return judged(self._setup(*self._own, prompt_set=name))

    def _with_encoders(self, judged: Callable[[Setup], Answer], words: Spec, cnn: Spec | None = None) -> Answer:
        return judged(self._setup(words, cnn))

    def _setup(self, words: Spec, cnn: Spec | None = None, clusters: int = 0, prompt_set: str = "") -> Setup:
        """Clusters of both encoders, where there is a CNN; counts and prompts of the settings unless others are given.

        The CNN's name comes last.
        """
        encoded = [self.library.at_hand[spec] for spec in (words, cnn) if spec]
        towers: dict[str, list[str]] = {}
        for known in encoded:
            towers.setdefault(known.measured.tower, []).append(known.measured.name)
        return Setup(
            {known.measured.name: known.measured.digest for known in encoded},
            self._prompted(encoded[0], prompt_set or self.settings.prompt_set),
            tuple(map(tuple, towers.values())),
            clusters or self.settings.cluster_count,
        )

    def _prompted(self, words: Encoded, prompt_set: str) -> Prompted:
        prompts = load_prompts(self.settings.prompts_dir, prompt_set).prompts
        kinds, sides = [prompt.kind for prompt in prompts], [prompt.is_medical for prompt in prompts]
        return Prompted(words.measured.name, words.measured.scale, words.prompts[prompt_set], kinds, sides)


def _prediction(
    row: ManifestRow, outcome: Outcome, verdict: Verdict | None, votes: Mapping[str, float | None]
) -> Prediction:
    source = row.source or outcome.person
    made = Prediction(row.file, row.label, row.kind, source, outcome.state, votes=votes, reason=outcome.reason)
    if verdict is None:
        return made
    return replace(
        made, verdict=verdict.verdict, probability=verdict.probability, confidence=verdict.confidence,
        predicted_kind=verdict.kind, needs_review=verdict.needs_review,
    )  # fmt: skip
