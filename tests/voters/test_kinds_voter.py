"""The voter that knows kinds from the training pictures."""

import numpy as np
import pytest

from medsift.modelsets import Calibration, Head, save
from medsift.modelsets.examples import examples_of
from medsift.voters import Prompted
from medsift.voters.kinds import KindsVoter
from tests.voters import heads
from tests.voters.heads import set_of_head

PROMPTED = Prompted(
    "words", 10.0, np.eye(4, dtype=np.float32), ["xray", "mri", "photo", "herbarium"], [True, True, False, False]
)
KINDS = ("mri", "photo", "xray")


ALIKE_FROM = 0.8


def model_set(folder, encoder="words", fitted=("words",), **taught):
    weights = 10 * np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)
    head = Head(encoder, KINDS, np.array([True, False, True]), weights, np.zeros(3, np.float32))
    return set_of_head(folder, head, fitted, **taught)


def taught(folder, vector, kind, *, encoder="words", is_medical=True, alike_from=ALIKE_FROM):
    """A set that a person taught a kind, by one picture."""
    examples = examples_of(encoder, np.array([vector], np.float32), [kind], np.array([is_medical]))
    fitted = ("words", encoder)
    return model_set(folder, fitted=fitted, examples=examples, calibration=Calibration({}, 1.0, alike_from=alike_from))


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


LIKE_XRAY = [0.8, 0.6, 0.0, 0.0]


def test_a_picture_like_one_whose_kind_a_person_named_is_of_that_kind(tmp_path):
    assert vote_on(LIKE_XRAY, model_set(tmp_path / "a")).kind == "xray"
    vote = vote_on(LIKE_XRAY, taught(tmp_path / "b", LIKE_XRAY, "mri"))
    assert vote.kind == "mri"
    assert vote.reason == "like pictures that people called mri"


def test_people_may_teach_a_kind_that_has_no_prompt(tmp_path):
    assert vote_on(LIKE_XRAY, taught(tmp_path, LIKE_XRAY, "slit-lamp")).kind == "slit-lamp"


def test_a_kind_of_the_other_side_is_taught_for_that_side_alone(tmp_path):
    vote = vote_on(LIKE_XRAY, taught(tmp_path, LIKE_XRAY, "mri", is_medical=False))
    assert (vote.kind, vote.kind_otherwise) == ("xray", "mri")
    assert vote.reason == "learnt to know as xray"


def test_what_people_named_moves_no_probability(tmp_path):
    plain = vote_on(LIKE_XRAY, model_set(tmp_path / "a"))
    assert vote_on(LIKE_XRAY, taught(tmp_path / "b", LIKE_XRAY, "slit-lamp")).probability == plain.probability


@pytest.mark.parametrize(
    ("vector", "changes"),
    [([0.0, 1.0, 0.0, 0.0], {}), (LIKE_XRAY, {"encoder": "other"}), (LIKE_XRAY, {"alike_from": None})],
    ids=["unlike the picture", "vectors of another encoder", "a set that does not say what is alike"],
)
def test_what_people_named_is_silent_of(tmp_path, vector, changes):
    assert vote_on(LIKE_XRAY, taught(tmp_path, vector, "slit-lamp", **changes)).kind == "xray"
