"""The voter that asks what is said of the pictures of a run that are alike."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsift.contracts import Vote
from medsift.voters.neighbours import MOST_ALIKE, NOBODY, Company, Said, compared

KINDS = ("ct", "photo")
ALIKE_FROM = 0.5


def said(vectors: Sequence[Sequence[float]], log_odds: Sequence[float], kinds=None, names=None) -> Said:
    rows = np.array(vectors, np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    names = names or [f"p{number}" for number in range(len(rows))]
    return Said(names, rows, np.array(log_odds, float), kinds or [KINDS] * len(rows))


def votes_on(pile: Said, alike_from: float = ALIKE_FROM) -> list[Vote]:
    return Company(pile, alike_from).votes(pile)


def log_odds(vote: Vote) -> float:
    return float(np.log(vote.probability / (1 - vote.probability)))


def test_a_picture_that_is_taken_for_the_other_side_is_set_right_by_those_like_it():
    series = [[1, 0.01 * number] for number in range(5)]
    votes = votes_on(said(series, [-1.0, 2.0, 2.0, 2.0, 2.0]))
    assert log_odds(votes[0]) == pytest.approx(7 / 5)
    assert votes[0].reason == "like it in this run: 4, of which 4 look medical"


def test_a_picture_is_as_good_a_witness_of_itself_as_any_other():
    votes = votes_on(said([[1, 0], [1, 0.1]], [3.0, -1.0]))
    assert [log_odds(vote) for vote in votes] == pytest.approx([1.0, 1.0])


def test_pictures_that_are_not_alike_have_no_say():
    votes = votes_on(said([[1, 0], [0, 1], [-1, 0]], [3.0, -3.0, -3.0]))
    assert [(vote.probability, vote.reason) for vote in votes] == [(None, NOBODY)] * 3


def test_a_single_picture_has_no_company():
    (vote,) = votes_on(said([[1, 0]], [3.0]))
    assert (vote.probability, vote.reason) == (None, NOBODY)


def test_alike_begins_at_the_cosine_of_the_model_set():
    pair = said([[1, 0], [0.8, 0.6]], [3.0, -1.0])
    assert votes_on(pair, 0.79)[0].probability is not None
    assert votes_on(pair, 0.81)[0].probability is None


def test_a_stranger_at_the_edge_of_a_crowd_is_not_of_it():
    crowd = [[1, 0.001 * number] for number in range(MOST_ALIKE + 3)]
    votes = votes_on(said([*crowd, [1, 1]], [2.0] * len(crowd) + [-2.0]))
    assert votes[-1].probability is None
    assert all(log_odds(vote) == pytest.approx(2.0) for vote in votes[:-1])


def test_the_kind_is_the_commonest_among_those_on_its_side():
    kinds = [("mri", "photo"), ("ct", "plot"), ("ct", "photo"), ("xray", "logo"), ("xray", "logo")]
    votes = votes_on(said([[1, 0.01 * number] for number in range(5)], [2.0, 2.0, 2.0, -1.0, -1.0], kinds))
    assert (votes[0].kind, votes[0].kind_otherwise) == ("ct", "logo")


def test_where_none_is_on_a_side_its_kind_is_the_pictures_own():
    votes = votes_on(said([[1, 0], [1, 0.1]], [2.0, 2.0], [("mri", "photo"), ("ct", "plot")]))
    assert [vote.kind_otherwise for vote in votes] == ["photo", "plot"]


def test_a_picture_that_nobody_compares_others_with_is_compared_all_the_same():
    known = said([[1, 0.01 * number] for number in range(5)], [2.0] * 5)
    late = said([[1, 0.001]], [-1.0], names=["late"])
    (vote,) = Company(known, ALIKE_FROM).votes(late)
    assert (vote.sha256, log_odds(vote)) == ("late", pytest.approx(9 / 6))


def test_no_pictures_no_votes():
    known = said([[1, 0]], [1.0])
    nothing = Said([], np.zeros((0, 2), np.float32), np.zeros(0), [])
    assert Company(known, ALIKE_FROM).votes(nothing) == []


def test_of_a_large_run_the_same_pictures_are_compared_however_it_is_cut():
    run = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(5000)]
    chosen = compared(run, len(run), most=1000)
    assert 900 < len(chosen) < 1100
    assert compared(run[:2000], len(run), 1000) + compared(run[2000:], len(run), 1000) == chosen
    assert compared(run, len(run), most=5000) == run


@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_the_order_of_a_pile_changes_nothing(count: int, seed: int):
    draw = np.random.default_rng(seed)
    pile = said(draw.normal(size=(count, 3)), draw.normal(size=count))
    order = draw.permutation(count)
    shuffled = Said(
        [pile.sha256s[row] for row in order],
        pile.vectors[order],
        pile.log_odds[order],
        [pile.kinds[row] for row in order],
    )
    one, other = ({vote.sha256: vote.probability for vote in votes_on(each)} for each in (pile, shuffled))
    assert one == pytest.approx(other)


@given(st.integers(1, 40))
def test_pictures_that_are_all_the_same_agree(count: int):
    votes = votes_on(said([[1, 0]] * count, [1.0] * count))
    assert {vote.probability and round(log_odds(vote), 6) for vote in votes} == ({1.0} if count > 1 else {None})
