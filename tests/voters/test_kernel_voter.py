"""The voter that knows medical from other pictures by likeness to groups of the training pictures."""

import numpy as np
import pytest

from medsift.modelsets import Head
from medsift.modelsets.heads import Kernel
from medsift.voters import Prompted
from medsift.voters.kernel import KernelVoter
from tests.voters import heads
from tests.voters.heads import set_of_head

PROMPTED = Prompted("words", 10.0, np.eye(2, 3, dtype=np.float32), ["xray", "photo"], [True, False])
KERNEL = Kernel(np.eye(2, 3, dtype=np.float32), np.array([3.0, -1.0]))


def model_set(folder, encoder="words", fitted=("words",), kernel=KERNEL):
    bare = np.zeros((3, 2), np.float32), np.zeros(2, np.float32)
    return set_of_head(folder, Head(encoder, ("photo", "xray"), np.array([False, True]), *bare, kernel), fitted)


def vote_on(vector, model_set):
    return heads.vote_on(vector, KernelVoter(), PROMPTED, model_set)


def test_each_centre_pulls_to_its_side_by_how_near_it_is(tmp_path):
    vote = vote_on([1.0, 0.0, 0.0], model_set(tmp_path))
    odds = 3.0 - np.exp(-1)  # equal to one centre, at right angles to the other
    assert vote.probability == pytest.approx(1 / (1 + np.exp(-odds)))
    assert (vote.kind, vote.reason) == (None, "by likeness to 2 groups of training pictures")


def test_a_head_of_before_without_kernel_is_read_and_the_voter_abstains(tmp_path):
    assert vote_on([1, 0, 0], model_set(tmp_path, kernel=None)).probability is None


def test_it_abstains_without_a_model_set_and_where_the_head_is_of_another_encoder(tmp_path):
    assert vote_on([1, 0, 0], None).probability is None
    assert vote_on([1, 0, 0], model_set(tmp_path, "other", ("words", "other"))).probability is None


def test_it_abstains_where_the_encoder_is_no_longer_the_one_it_was_fitted_with(tmp_path):
    assert vote_on([1, 0, 0], model_set(tmp_path).used_with({"words": "changed"})).probability is None
