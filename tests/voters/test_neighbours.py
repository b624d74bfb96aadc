"""The voter that asks what is said of the pictures beside it that are alike."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsift.contracts import Vote
from medsift.voters.neighbours import MOST_ALIKE, MOST_COMPARED, NOBODY, UNJUDGED, Company, Floats, Said, alike

KINDS = ("ct", "photo")
ALIKE_FROM = 0.5


def unit(vectors: Sequence[Sequence[float]]) -> Floats:
    rows = np.array(vectors, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pairs_of(vectors: Floats, alike_from: float = ALIKE_FROM, most_compared: int = MOST_COMPARED, asked=None):
    names = [f"{number:04d}" for number in range(len(vectors))]
    every = np.arange(len(vectors)) if asked is None else asked
    return alike(names, every, lambda some: vectors[[int(name) for name in some]], alike_from, most_compared)


def votes_on(
    vectors: Sequence[Sequence[float]],
    log_odds: Sequence[float],
    kinds=None,
    alike_from: float = ALIKE_FROM,
    most_compared: int = MOST_COMPARED,
) -> list[Vote]:
    """The votes on pictures that lie together."""
    names = [f"p{number}" for number in range(len(log_odds))]
    said = Said(names, np.array(log_odds, float), kinds or [KINDS] * len(names))
    return Company(said, pairs_of(unit(vectors), alike_from, most_compared)).votes(names)


def log_odds(vote: Vote) -> float:
    return float(np.log(vote.probability / (1 - vote.probability)))


def test_a_picture_that_is_taken_for_the_other_side_is_set_right_by_those_like_it():
    votes = votes_on([[1, 0.01 * number] for number in range(5)], [-1.0, 2.0, 2.0, 2.0, 2.0])
    assert log_odds(votes[0]) == pytest.approx(7 / 5)
    assert votes[0].reason == "alike in its folder or document: 4, of which 4 look medical"


def test_a_picture_is_as_good_a_witness_of_itself_as_any_other():
    votes = votes_on([[1, 0], [1, 0.1]], [3.0, -1.0])
    assert [log_odds(vote) for vote in votes] == pytest.approx([1.0, 1.0])


def test_pictures_that_are_not_alike_have_no_say():
    votes = votes_on([[1, 0], [0, 1], [-1, 0]], [3.0, -3.0, -3.0])
    assert [(vote.probability, vote.reason) for vote in votes] == [(None, NOBODY)] * 3


def test_a_single_picture_has_no_company():
    (vote,) = votes_on([[1, 0]], [3.0])
    assert (vote.probability, vote.reason) == (None, NOBODY)


def test_what_nobody_can_judge_has_no_say_and_no_vote():
    votes = votes_on([[1, 0], [1, 0.1], [1, 0.2]], [3.0, np.nan, -1.0])
    assert (votes[1].probability, votes[1].reason) == (None, UNJUDGED)
    assert [log_odds(votes[number]) for number in (0, 2)] == pytest.approx([1.0, 1.0])


def test_alike_begins_at_the_cosine_of_the_model_set():
    pair = ([[1, 0], [0.8, 0.6]], [3.0, -1.0])
    assert votes_on(*pair, alike_from=0.79)[0].probability is not None
    assert votes_on(*pair, alike_from=0.81)[0].probability is None


def test_a_stranger_at_the_edge_of_a_crowd_is_not_of_it():
    crowd = [[1, 0.001 * number] for number in range(MOST_ALIKE + 3)]
    votes = votes_on([*crowd, [1, 1]], [2.0] * len(crowd) + [-2.0])
    assert votes[-1].probability is None
    assert all(log_odds(vote) == pytest.approx(2.0) for vote in votes[:-1])


def test_the_kind_is_the_commonest_among_those_on_its_side():
    kinds = [("mri", "photo"), ("ct", "plot"), ("ct", "photo"), ("xray", "logo"), ("xray", "logo")]
    votes = votes_on([[1, 0.01 * number] for number in range(5)], [2.0, 2.0, 2.0, -1.0, -1.0], kinds)
    assert (votes[0].kind, votes[0].kind_otherwise) == ("ct", "logo")


def test_where_none_is_on_a_side_its_kind_is_the_pictures_own():
    votes = votes_on([[1, 0], [1, 0.1]], [2.0, 2.0], [("mri", "photo"), ("ct", "plot")])
    assert [vote.kind_otherwise for vote in votes] == ["photo", "plot"]


def test_a_picture_that_lies_in_two_places_has_company_in_both_and_each_has_one_say():
    names = ["a", "b", "c"]
    said = Said(names, np.array([3.0, 0.0, -9.0]), [KINDS] * 3)
    votes = Company(said, np.array([[0, 1], [0, 2], [0, 1]])).votes(names)
    assert log_odds(votes[0]) == pytest.approx(-2.0)
    assert [vote.probability for vote in votes[1:]] == [None, None]


def test_of_a_large_place_all_are_compared_with_some():
    votes = votes_on([[1, 0]] * 5, [2.0, 2.0, 2.0, -4.0, -1.0], most_compared=3)
    assert [log_odds(vote) for vote in votes] == pytest.approx([2.0, 2.0, 2.0, 2 / 4, 5 / 4])


@given(st.integers(5, 60), st.integers(1, 4))
def test_those_compared_are_as_alike_as_if_they_were_alone(count: int, seed: int):
    vectors = unit(np.random.default_rng(seed).normal(size=(count, 3)))
    most = max(2, count // 3)
    pairs = pairs_of(vectors, most_compared=most)
    alone = pairs_of(vectors[:most])
    assert {tuple(pair) for pair in pairs if pair[0] < most} == {tuple(pair) for pair in alone}
    assert (pairs[:, 1] < most).all()


@given(st.integers(2, 60), st.integers(0, 2**32 - 1), st.integers(2, 60))
def test_those_asked_for_are_like_the_same_as_if_all_were(count: int, seed: int, most: int):
    draw = np.random.default_rng(seed)
    vectors = unit(draw.normal(size=(count, 3)))
    asked = np.flatnonzero(draw.random(count) < 0.3)
    some, every = (pairs_of(vectors, 0.0, most, of) for of in (asked, None))
    assert {tuple(pair) for pair in some} == {tuple(pair) for pair in every if pair[0] in asked}


@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_the_order_of_a_pile_changes_nothing(count: int, seed: int):
    draw = np.random.default_rng(seed)
    vectors, own = draw.normal(size=(count, 3)), draw.normal(size=count)
    order = draw.permutation(count)
    one = [vote.probability for vote in votes_on(vectors, own)]
    other = [vote.probability for vote in votes_on(vectors[order], own[order])]
    assert [one[number] for number in order] == pytest.approx(other)


@given(st.integers(1, 40))
def test_pictures_that_are_all_the_same_agree(count: int):
    votes = votes_on([[1, 0]] * count, [1.0] * count)
    assert {vote.probability and round(log_odds(vote), 6) for vote in votes} == ({1.0} if count > 1 else {None})
