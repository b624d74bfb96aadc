import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medsift.modelsets import Calibration, Clusters, ModelSet, save
from medsift.modelsets.clusters import write_clusters
from medsift.voters import VOTERS, Evidence, Prompted
from medsift.voters.clusters import ClusterVoter, cluster_log_odds
from medsift.voters.zero_shot import ZeroShot

PROMPTED = Prompted(
    "words", 10.0, np.eye(4, dtype=np.float32), ["xray", "mri", "photo", "plot"], [True, True, False, False]
)


def evidence_of(**vectors):
    arrays = {name: np.array(rows, np.float32) for name, rows in vectors.items()}
    count = len(next(iter(arrays.values())))
    return Evidence([f"p{number}" for number in range(count)], arrays, [""] * count, [{}] * count)


def clusters_of(centres, probability, purity=None, reach=np.inf):
    count = len(centres)
    return Clusters(
        np.array(centres, np.float32),
        np.array(probability, np.float32),
        np.array(purity or [1.0] * count, np.float32),
        np.full(count, 10),
        np.full(count, reach, np.float32),
    )


def model_set_with(folder: Path, spaces, **clusters) -> ModelSet:
    for name, fitted in clusters.items():
        write_clusters(folder / f"clusters-{name}.joblib", fitted)
    return save(
        folder, name="t", profile="t", encoders=dict.fromkeys(clusters, ""), prompt_set="", spaces=spaces,
        calibration=Calibration({}, 1.0),
    )  # fmt: skip


def test_zero_shot_is_log_mean_exp_of_one_side_minus_the_other():
    (vote,) = ZeroShot().vote(evidence_of(words=[[0.6, 0.0, 0.8, 0.0]]), PROMPTED, None)
    odds = math.log(math.exp(6) + 1) - math.log(math.exp(8) + 1)
    assert vote.probability == pytest.approx(1 / (1 + math.exp(-odds)), abs=1e-6)
    assert (vote.kind, vote.kind_otherwise) == ("photo", "xray")


def test_zero_shot_names_the_best_kind_of_the_side_that_wins():
    (vote,) = ZeroShot().vote(evidence_of(words=[[0.3, 0.9, 0.0, 0.3]]), PROMPTED, None)
    assert vote.probability > 0.99
    assert (vote.kind, vote.kind_otherwise) == ("mri", "plot")


def test_a_side_gains_nothing_by_saying_the_same_twice():
    twice = Prompted("words", 10.0, np.eye(4, dtype=np.float32)[[0, 0, 1, 2]], "abcd", [True, True, False, False])
    once = Prompted("words", 10.0, np.eye(4, dtype=np.float32)[[0, 1, 2]], "abc", [True, False, False])
    evidence = evidence_of(words=[[0.6, 0.0, 0.8, 0.0]])
    first, second = (ZeroShot().vote(evidence, prompted, None)[0] for prompted in (twice, once))
    assert first.probability == pytest.approx(second.probability)


def test_a_scale_of_hundred_does_not_overflow():
    (vote,) = ZeroShot().vote(evidence_of(words=[[1.0, 0, 0, 0]]), replace(PROMPTED, scale=1e4), None)
    assert vote.probability == 1.0


def test_clusters_abstain_without_a_model_set():
    votes = ClusterVoter().vote(evidence_of(words=[[1, 0], [0, 1]]), PROMPTED, None)
    assert [vote.probability for vote in votes] == [None, None]


def test_clusters_say_what_the_nearest_one_is(tmp_path):
    clusters = clusters_of([[1, 0], [0, 1]], [0.9, 0.2])
    votes = ClusterVoter().vote(
        evidence_of(words=[[0.9, 0.1], [0.1, 0.9]]), PROMPTED, model_set_with(tmp_path, (("words",),), words=clusters)
    )
    assert [vote.probability for vote in votes] == [pytest.approx(0.9), pytest.approx(0.2)]
    assert [vote.cluster for vote in votes] == [0, 1]


def test_a_mixed_cluster_abstains_and_says_so(tmp_path):
    clusters = clusters_of([[1, 0], [0, 1]], [0.6, 0.2], [0.6, 1.0])
    model_set = model_set_with(tmp_path, (("words",),), words=clusters)
    mixed, pure = ClusterVoter().vote(evidence_of(words=[[1, 0], [0, 1]]), PROMPTED, model_set)
    assert (mixed.probability, mixed.reason) == (None, "cluster 0 is mixed")
    assert pure.probability == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("of_cnn", "expected"),
    [
        ([0.9, 0.9], "cluster 0 of 10 pictures is medical"),
        ([0.1, 0.1], "cluster 0 of 10 pictures is medical; that of another encoder differs"),
        ([0.001, 0.001], "cluster 0 of 10 pictures is medical; that of another encoder differs"),
    ],
)
def test_clusters_of_one_space_that_differ_say_so(tmp_path, of_cnn, expected):
    words, cnn = clusters_of([[1, 0], [0, 1]], [0.9, 0.2]), clusters_of([[1, 0], [0, 1]], of_cnn)
    fitted = model_set_with(tmp_path, (("words", "cnn"),), words=words, cnn=cnn)
    (vote,) = ClusterVoter().vote(evidence_of(words=[[1, 0]], cnn=[[1, 0]]), PROMPTED, fitted)
    assert vote.reason == expected
    assert vote.is_strange is False


def test_a_cluster_that_hardly_leans_differs_from_no_other_where_there_is_none(tmp_path):
    fitted = model_set_with(tmp_path, (("words",),), words=clusters_of([[1, 0]], [0.501]))
    (vote,) = ClusterVoter().vote(evidence_of(words=[[1, 0]]), PROMPTED, fitted)
    assert vote.reason == "cluster 0 of 10 pictures is medical"


def test_a_picture_far_beyond_what_its_cluster_reaches_is_strange_whether_the_cluster_is_mixed_or_not(tmp_path):
    fitted = clusters_of([[1, 0], [0, 1]], [0.9, 0.6], [1.0, 0.6], reach=0.5)
    model_set = model_set_with(tmp_path, (("words",),), words=fitted)
    evidence = evidence_of(words=[[1, 0.5], [1, -0.7], [0.2, 1], [-0.9, 1]])
    votes = ClusterVoter().vote(evidence, PROMPTED, model_set)
    assert [vote.is_strange for vote in votes] == [False, True, False, True]
    assert "1.4 times as far out" in votes[1].reason


def test_no_cluster_is_certain():
    odds = cluster_log_odds(
        {"words": np.array([[1, 0]], np.float32)}, {"words": clusters_of([[1, 0]], [1.0])}, (("words",),)
    )
    assert odds == pytest.approx([math.log(0.98 / 0.02)])


def test_two_encoders_of_one_backbone_cast_one_vote_and_two_backbones_two():
    vectors = {name: np.array([[1, 0]], np.float32) for name in ("one", "two")}
    clusters = {"one": clusters_of([[1, 0]], [0.8]), "two": clusters_of([[1, 0]], [0.5])}
    shared = cluster_log_odds(vectors, clusters, (("one", "two"),))
    apart = cluster_log_odds(vectors, clusters, (("one",), ("two",)))
    assert shared == pytest.approx([math.log(4) / 2])
    assert apart == pytest.approx([math.log(4)])


def test_where_one_space_is_mixed_the_other_of_the_backbone_speaks():
    vectors = {name: np.array([[1, 0]], np.float32) for name in ("one", "two")}
    clusters = {"one": clusters_of([[1, 0]], [0.8]), "two": clusters_of([[1, 0]], [0.5], [0.5])}
    assert cluster_log_odds(vectors, clusters, (("one", "two"),)) == pytest.approx([math.log(4)])


@pytest.mark.parametrize("name", VOTERS.names())
def test_every_voter_gives_one_vote_a_picture_in_order(name):
    voter = VOTERS.get(name)()
    evidence = evidence_of(words=[[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    votes = voter.vote(evidence, PROMPTED, None)
    assert [vote.sha256 for vote in votes] == list(evidence.sha256s)
    assert {vote.voter for vote in votes} == {name}
    assert all(vote.probability is None or 0 <= vote.probability <= 1 for vote in votes)


@pytest.mark.parametrize("name", VOTERS.names())
def test_every_voter_bears_a_run_without_pictures(name):
    evidence = Evidence([], {"words": np.zeros((0, 4), np.float32)}, [], [])
    assert VOTERS.get(name)().vote(evidence, PROMPTED, None) == []
