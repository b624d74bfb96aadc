"""The voter that knows kinds from the training pictures."""

import numpy as np
import pytest

from medsift.modelsets import HEAD, Calibration, Head, save
from medsift.modelsets.heads import write_head
from medsift.voters import Evidence, Prompted
from medsift.voters.kinds import KindsVoter

PROMPTED = Prompted(
    "words", 10.0, np.eye(4, dtype=np.float32), ["xray", "mri", "photo", "herbarium"], [True, True, False, False]
)
KINDS = ("mri", "photo", "xray")


def model_set(folder, encoder="words", fitted=("words",)):
    weights = 10 * np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)
    write_head(folder / HEAD, Head(encoder, KINDS, np.array([True, False, True]), weights, np.zeros(3, np.float32)))
    return save(
        folder, name="t", profile="t", encoders=dict.fromkeys(fitted, ""), prompt_set="", spaces=(),
        calibration=Calibration({}, 1.0),
    )  # fmt: skip


def vote_on(vector, model_set):
    evidence = Evidence(["p"], {"words": np.array([vector], np.float32)}, [""], [{}])
    return KindsVoter().vote(evidence, PROMPTED, model_set)[0]


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
