"""The voter that labels taught: silent until a model set has it."""

import numpy as np
import pytest

from medsift.errors import WeightsError
from medsift.modelsets import LEARNED, Calibration, Learned, save
from medsift.modelsets.learned import write_learned
from medsift.voters import Evidence, Prompted
from medsift.voters.learned import LearnedVoter

PROMPTED = Prompted("words", 10.0, np.eye(2, dtype=np.float32), ["xray", "photo"], [True, False])
VECTORS = {"words": np.array([[1, 0], [0, 1]], np.float32), "cnn": np.array([[0, 1], [1, 0]], np.float32)}
EVIDENCE = Evidence(["p0", "p1"], VECTORS, ["", ""], [{}, {}])


@pytest.fixture
def model_set(tmp_path):
    """A set that learnt from 50 labels that the first coordinate of either encoder means medical."""
    first = np.array([2, 0], np.float32)
    write_learned(tmp_path / LEARNED, Learned({"words": 2 * first, "cnn": first}, -1.0, 50))
    return save(
        tmp_path, name="t", profile="t", encoders={"words": "d1", "cnn": "d2"}, prompt_set="", spaces=(),
        calibration=Calibration({}, 1.0),
    )  # fmt: skip


def test_it_abstains_with_a_sentence_until_a_set_has_learnt(tmp_path):
    votes = LearnedVoter().vote(EVIDENCE, PROMPTED, None)
    assert [vote.probability for vote in votes] == [None, None]
    assert all("needs 20 medical and 20 others" in vote.reason for vote in votes)


def test_it_says_what_all_encoders_together_say(model_set):
    votes = LearnedVoter().vote(EVIDENCE, PROMPTED, model_set)
    odds = np.array([4 - 1, 2 - 1])
    assert [vote.probability for vote in votes] == pytest.approx(1 / (1 + np.exp(-odds)))
    assert votes[0].reason == "looks medical after 50 labels"


def test_it_abstains_where_an_encoder_is_not_the_one_it_learnt_with(model_set):
    votes = LearnedVoter().vote(EVIDENCE, PROMPTED, model_set.used_with({"words": "d1", "cnn": "other"}))
    assert [vote.probability for vote in votes] == [None, None]


def test_a_vector_that_holds_no_numbers_gets_no_vote(model_set):
    broken = {name: rows.copy() for name, rows in VECTORS.items()}
    broken["cnn"][0] = np.nan
    votes = LearnedVoter().vote(Evidence(["p0", "p1"], broken, ["", ""], [{}, {}]), PROMPTED, model_set)
    assert votes[0].probability is None
    assert votes[1].probability is not None


def test_an_altered_file_is_never_read(model_set):
    path = model_set.folder / LEARNED
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(WeightsError, match="is not the file its model set pins"):
        LearnedVoter().vote(EVIDENCE, PROMPTED, model_set)
