"""The voter that knows kinds from the training pictures."""

import numpy as np
import pytest

from medsift.modelsets import Calibration, Head, save
from medsift.voters import Prompted
from medsift.voters.kinds import KindsVoter
from tests.voters import heads
from tests.voters.heads import set_of_head

PROMPTED = Prompted(
    "words", 10.0, np.eye(4, dtype=np.float32), ["xray", "mri", "photo", "herbarium"], [True, True, False, False]
)
KINDS = ("mri", "photo", "xray")


def model_set(folder, encoder="words", fitted=("words",)):
    weights = 10 * np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)
    head = Head(encoder, KINDS, np.array([True, False, True]), weights, np.zeros(3, np.float32))
    return set_of_head(folder, head, fitted)


def vote_on(vector, model_set):
    return heads.vote_on(vector, KindsVoter(), PROMPTED, model_set)


def test_probability_is_the_share_of_the_medical_kinds(tmp_path):
    vote = vote_on([0.1, 0.0, 0.2, 0.0], model_set(tmp_path))
    shares = np.exp([0.0, 2.0, 1.0])  # mri, photo, xray
    assert vote.probability == pytest.approx((shares[0] + shares[2]) / shares.sum())


def test_it_names_the_kind_of_the_side_that_wins_and_the_best_of_the_other(tmp_path):
    vote = vote_on([0.9, 0.0, 0.4, 0.0], model_set(tmp_path))
    assert (vote.kind, vote.kind_otherwise) == ("xray", "photo")


def test_a_kind_that_only_prompts_know_can_be_named(tmp_path):
    vote = vote_on([0.0, 0.0, 0.0, 1.0], model_set(tmp_path))
    assert "herbarium" in (vote.kind, vote.kind_otherwise)


def test_it_abstains_without_a_model_set_and_without_a_head(tmp_path):
    bare = save(
        tmp_path, name="t", profile="t", encoders={"words": ""}, prompt_set="", spaces=(),
        calibration=Calibration({}, 1.0),
    )  # fmt: skip
    assert vote_on([1, 0, 0, 0], None).probability is None
    assert vote_on([1, 0, 0, 0], bare).probability is None


def test_it_abstains_where_the_head_is_of_another_encoder(tmp_path):
    assert vote_on([1, 0, 0, 0], model_set(tmp_path, "other", ("words", "other"))).probability is None


def test_it_abstains_where_the_encoder_is_no_longer_the_one_it_was_fitted_with(tmp_path):
    assert vote_on([1, 0, 0, 0], model_set(tmp_path).used_with({"words": "changed"})).probability is None
