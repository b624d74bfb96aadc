"""The networks of a profile, each loaded on an engine that leaves its verdicts as they are."""

import logging

from medsift.contracts import Verdict
from medsift.encoders import Floats, Judge, Profile, Tower
from medsift.errors import SettingError
from medsift.modelsets import ModelSet
from medsift.settings import Settings
from medsift.steps.first_use import use_first
from medsift.steps.journal import digest_of
from medsift.steps.operating_point import at_operating_point
from medsift.steps.profile import current_model_set, current_profile, prompted, usable_model_set, verdict_keys
from medsift.strategies import STRATEGIES
from medsift.voters import VOTERS, Evidence, cast_votes

log = logging.getLogger(__name__)


def loaded_profile(settings: Settings, pictures: int = 0) -> Profile:
    """The profile of the settings, its networks loaded for so many; raises `WeightsError` where one cannot be used."""
    profile = current_profile(settings)
    if not all(tower.is_ready(judge_of(settings, profile, tower)) for tower in profile.towers):
        log.info("measuring engines once on this machine: some seconds")
        use_first(settings)
    return load_here(settings, pictures)


def load_here(settings: Settings, pictures: int = 0) -> Profile:
    """The same, with whatever it takes done in this process."""
    profile = current_profile(settings)
    for tower in profile.towers:
        tower.prepare(judge_of(settings, profile, tower), pictures)
        log.info("%s runs on engine %s", tower.name, tower.engine)
    return profile


def judge_of(settings: Settings, profile: Profile, tower: Tower) -> Judge:
    """The voters and the strategy of a run, shown what one tower sees: no words, no tags, no other tower's vectors.

    With those a verdict would change more rarely. A voter that lacks what it needs abstains, as in a run: without a
    model set the prompts alone decide, and nothing does of a tower without words, which then changes no verdict.
    """
    encoders = [encoder.digest for encoder in profile.encoders]
    key = digest_of(verdict_keys(settings), encoders, settings.strategy, settings.medical_recall, VOTERS.names())
    return Judge(key, lambda features: [each.verdict for each in verdicts_of(settings, profile, tower, features)])


def verdicts_of(settings: Settings, profile: Profile, tower: Tower, features: Floats) -> list[Verdict]:
    """What the profile's voters and strategy say of features of one tower alone, float32 (n, width)."""
    vectors = {
        encoder.name: encoder.from_features(features)
        for encoder in profile.encoders
        if encoder.tower.digest == tower.digest
    }
    names, count = [str(row) for row in range(len(features))], len(features)
    evidence = Evidence(names, vectors, [""] * count, [{}] * count)
    prompts, model_set = prompted(settings), usable_model_set(settings)
    votes = cast_votes(evidence, prompts, model_set)
    decide = STRATEGIES.get(settings.strategy)
    return decide(names, votes, _deciding_set(settings), settings.review_threshold)


def _deciding_set(settings: Settings) -> ModelSet | None:
    """Whoever embeds to fit a set may ask for a recall that only that set will know: no run judges by this one."""
    model_set = current_model_set(settings)
    try:
        return at_operating_point(settings, model_set)
    except SettingError:
        return model_set
