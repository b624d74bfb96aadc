import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsift.contracts import Vote
from medsift.errors import UsageError
from medsift.modelsets import Calibration, ModelSet
from medsift.strategies import STRATEGIES


def calibrated(weights, temperature=1.0, tmp=None):
    return ModelSet("test", "0" * 64, "lite", tmp, {}, "", (), Calibration(weights, temperature), {})


def votes_on(sha256, **probabilities):
    return [Vote(sha256, voter, p) for voter, p in probabilities.items()]


def decide(name, votes, model_set=None, threshold=0.8):
    (verdict,) = STRATEGIES.get(name)(["a"], votes, model_set, threshold)
    return verdict


def test_weighted_log_odds_is_the_weighted_sum_over_the_temperature():
    model_set = calibrated({"clusters": 0.25, "zero_shot": 0.75}, temperature=2.0)
    verdict = decide("weighted_log_odds", votes_on("a", zero_shot=0.9, clusters=0.8), model_set)
    expected = (0.75 * math.log(9) + 0.25 * math.log(4)) / 2
    assert verdict.probability == pytest.approx(1 / (1 + math.exp(-expected)))
    assert verdict.probability == pytest.approx(0.730517, abs=1e-6)
    assert (verdict.verdict, verdict.agreement) == ("medical", 1.0)


def test_without_a_model_set_all_voters_weigh_the_same():
    verdict = decide("weighted_log_odds", votes_on("a", zero_shot=0.9, clusters=0.5))
    assert verdict.probability == pytest.approx(0.75)  # half of log 9 is log 3


def test_an_abstaining_voter_adds_nothing():
    model_set = calibrated({"clusters": 0.5, "zero_shot": 0.5})
    verdict = decide("weighted_log_odds", votes_on("a", zero_shot=0.9, clusters=None), model_set)
    assert verdict.probability == pytest.approx(0.75)
    assert verdict.agreement == 1.0


def test_a_voter_that_was_never_calibrated_has_no_weight():
    model_set = calibrated({"zero_shot": 1.0})
    verdict = decide("weighted_log_odds", votes_on("a", zero_shot=0.9, novel=0.6), model_set)
    assert verdict.probability == pytest.approx(0.9)


def test_a_voter_that_was_never_calibrated_counts_where_it_is_alone():
    verdict = decide("weighted_log_odds", votes_on("a", zero_shot=None, novel=0.9), calibrated({"zero_shot": 1.0}))
    assert verdict.probability == pytest.approx(0.9)


def test_what_those_alike_say_stands_in_the_place_of_its_own_look_beside_what_is_known_of_it():
    model_set = calibrated({"zero_shot": 2.0, "kinds": 1.0, "dicom": 0.5}, temperature=2.0)
    looks = votes_on("a", zero_shot=0.9, kinds=0.8)
    alike = decide("weighted_log_odds", [*looks, *votes_on("a", neighbours=0.1)], model_set)
    assert alike.probability == pytest.approx(0.1)
    tagged = decide("weighted_log_odds", [*looks, *votes_on("a", neighbours=0.1, dicom=0.99)], model_set)
    expected = math.log(1 / 9) + 0.25 * math.log(99)
    assert tagged.probability == pytest.approx(1 / (1 + math.exp(-expected)))


def test_where_none_is_alike_its_own_look_counts():
    model_set = calibrated({"zero_shot": 1.0})
    verdict = decide("weighted_log_odds", votes_on("a", zero_shot=0.9, neighbours=None), model_set)
    assert verdict.probability == pytest.approx(0.9)


def test_a_picture_whose_look_says_otherwise_than_those_alike_goes_to_review():
    verdict = decide("weighted_log_odds", votes_on("a", zero_shot=0.9, neighbours=0.02), calibrated({"zero_shot": 1.0}))
    assert (verdict.verdict, verdict.needs_review, verdict.agreement) == ("non-medical", True, 0.5)
    assert verdict.review_reason == "Voters disagree: zero_shot says 0.90 medical, neighbours 0.02."


def test_a_sure_verdict_on_a_picture_unlike_anything_known_goes_to_review():
    for name in STRATEGIES.names():
        votes = [Vote("a", "zero_shot", 0.99), Vote("a", "clusters", 0.98, is_strange=True)]
        verdict = decide(name, votes, calibrated({"zero_shot": 0.5, "clusters": 0.5}))
        assert (verdict.verdict, verdict.needs_review) == ("medical", True)
        assert "unlike anything known" in verdict.review_reason


def test_a_picture_nobody_could_judge_goes_to_review_at_even_odds():
    for name in STRATEGIES.names():
        for votes in ([], votes_on("a", zero_shot=None, clusters=None)):
            verdict = decide(name, votes)
            assert (verdict.probability, verdict.confidence, verdict.needs_review) == (0.5, 0.5, True)
            assert verdict.review_reason == "No voter could judge it."


def test_voters_that_disagree_send_a_picture_to_review_however_sure_the_sum_is():
    verdict = decide("weighted_log_odds", votes_on("a", zero_shot=0.9999, clusters=0.3), threshold=0.5)
    assert verdict.verdict == "medical"
    assert verdict.needs_review
    assert verdict.review_reason == "Voters disagree: zero_shot says 1.00 medical, clusters 0.30."
    assert verdict.agreement == 0.5


def test_a_vote_close_to_even_is_no_disagreement():
    verdict = decide("weighted_log_odds", votes_on("a", zero_shot=0.9999, clusters=0.45), threshold=0.5)
    assert not verdict.needs_review


@pytest.mark.parametrize(("probability", "needs_review"), [(0.79, True), (0.8, False), (0.21, True), (0.2, False)])
def test_confidence_below_the_threshold_needs_review(probability, needs_review):
    verdict = decide("weighted_log_odds", votes_on("a", zero_shot=probability), calibrated({"zero_shot": 1.0}))
    assert verdict.confidence == pytest.approx(max(probability, 1 - probability))
    assert verdict.needs_review == needs_review


def test_the_kind_is_the_best_one_of_the_side_that_won():
    votes = [Vote("a", "zero_shot", 0.6, "xray", kind_otherwise="photo"), Vote("a", "clusters", 0.02)]
    verdict = decide("weighted_log_odds", votes)
    assert (verdict.verdict, verdict.kind) == ("non-medical", "photo")


def test_majority_counts_heads():
    verdict = decide("majority", votes_on("a", one=0.99, two=0.4, three=0.45))
    assert (verdict.verdict, verdict.probability) == ("non-medical", pytest.approx(1 / 3))


def test_majority_settles_a_tie_by_the_mean():
    verdict = decide("majority", votes_on("a", one=0.9, two=0.3))
    assert (verdict.verdict, verdict.probability) == ("medical", pytest.approx(0.6))


def test_exactly_even_odds_count_as_medical():
    assert decide("majority", votes_on("a", one=0.6, two=0.4)).verdict == "medical"


def test_an_unknown_strategy_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="majority, weighted_log_odds"):
        STRATEGIES.get("dice")


probabilities = st.one_of(st.none(), st.floats(0, 1))


@given(votes=st.lists(st.tuples(probabilities, probabilities), min_size=1, max_size=8))
def test_every_strategy_gives_every_picture_one_sound_verdict(votes):
    sha256s = [f"p{number}" for number in range(len(votes))]
    cast = [
        Vote(sha256, voter, p)
        for sha256, pair in zip(sha256s, votes, strict=True)
        for voter, p in zip(("zero_shot", "clusters"), pair, strict=True)
    ]
    for name in STRATEGIES.names():
        verdicts = STRATEGIES.get(name)(sha256s, cast, None, 0.8)
        assert [verdict.sha256 for verdict in verdicts] == sha256s
        for verdict in verdicts:
            assert 0 <= verdict.probability <= 1
            assert verdict.confidence == max(verdict.probability, 1 - verdict.probability)
            assert verdict.verdict == ("medical" if verdict.probability >= 0.5 else "non-medical")
            assert verdict.needs_review or verdict.confidence >= 0.8
            assert verdict.needs_review == bool(verdict.review_reason)


def test_a_voter_without_weight_makes_no_disagreement():
    votes = votes_on("a", zero_shot=0.97, novel=0.1)
    verdict = decide("weighted_log_odds", votes, calibrated({"zero_shot": 1.0}))
    assert not verdict.needs_review
    assert verdict.agreement == 1.0


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ({"zero_shot": 0.9, "clusters": 0.2}, 0.9),  # they disagree: the words decide
        ({"zero_shot": 0.4, "clusters": 0.98}, 0.4),
        ({"zero_shot": 0.9, "clusters": 0.7}, 0.8),  # they agree: the mean
        ({"zero_shot": None, "clusters": 0.9, "dicom": 0.2}, 0.55),  # nobody to decide: the mean
        ({"clusters": 0.3}, 0.3),
    ],
)
def test_zero_shot_decides_where_voters_disagree(votes, expected):
    assert decide("zero_shot_decides", votes_on("a", **votes)).probability == pytest.approx(expected)


@pytest.mark.parametrize(("probability", "verdict"), [(0.04, "non-medical"), (0.05, "medical"), (0.3, "medical")])
def test_medical_is_what_reaches_the_threshold_and_the_confidence_is_that_of_the_called_side(probability, verdict):
    model_set = replace(calibrated({"zero_shot": 1.0}), threshold=0.05)
    vote = [Vote("a", "zero_shot", probability, "photo", kind_otherwise="xray")]
    decided = decide("weighted_log_odds", vote, model_set)
    assert decided.verdict == verdict
    assert decided.probability == pytest.approx(probability)
    assert decided.confidence == pytest.approx(probability if verdict == "medical" else 1 - probability)
    assert decided.kind == ("xray" if verdict == "medical" else "photo")
    assert decided.needs_review == (verdict == "medical")


def test_a_threshold_above_even_odds_calls_medical_less_often():
    model_set = replace(calibrated({"zero_shot": 1.0}), threshold=0.7)
    decided = decide("weighted_log_odds", votes_on("a", zero_shot=0.69), model_set)
    assert (decided.verdict, decided.needs_review) == ("non-medical", True)
    assert decided.confidence == pytest.approx(0.31)


def test_a_picture_nobody_could_judge_goes_to_review_at_every_threshold():
    for threshold, verdict in ((0.05, "medical"), (0.7, "non-medical")):
        decided = decide("weighted_log_odds", [], replace(calibrated({}), threshold=threshold))
        assert (decided.verdict, decided.confidence, decided.needs_review) == (verdict, 0.5, True)


def test_voters_agree_by_what_they_say_at_even_odds_whatever_the_threshold():
    model_set = replace(calibrated({"zero_shot": 0.5, "clusters": 0.5}), threshold=0.05)
    decided = decide("weighted_log_odds", votes_on("a", zero_shot=0.2, clusters=0.1), model_set)
    assert (decided.verdict, decided.agreement) == ("medical", 0.0)
    assert decided.review_reason == "Confidence 0.14 is below 0.80."
