"""The queue: what it asks for first, what it never asks for, and which labels it doubts."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from medsift.store import LabelRow

pytestmark = pytest.mark.postgres


@pytest.fixture
def publish(store, batch, monkeypatch):
    """Publishes pictures 1 to n, each with probability and cluster as given."""

    def publish(told, medical_from=0.5, model_set="set-1"):
        batch.sources = {"/in/a.pdf": list(told)}
        plain = batch.verdicts
        verdicts = [
            replace(v, probability=p, confidence=p, verdict="medical")
            if p >= medical_from
            else replace(v, probability=p, confidence=1 - p, verdict="non-medical")
            for v, (p, _) in zip(plain, told.values(), strict=True)
        ]
        votes = [replace(vote, probability=None, cluster=None) for vote in batch.votes if vote.voter == "zero_shot"]
        votes = [replace(vote, cluster=cluster) for vote, (_, cluster) in zip(votes, told.values(), strict=True)]
        batch.run_id, batch.model_set = f"run of {model_set}", model_set
        store.begin_run(batch.record)
        store.publish_pictures(batch.run_id, batch.pictures, [batch.vectors], votes, verdicts, model_set, "prompts-1")
        store.set_current_model_set(model_set)

    return publish


def test_the_least_sure_picture_comes_first(store, publish, identity):
    publish({1: (0.9, 1), 2: (0.45, 2), 3: (0.7, 3)})
    assert [row.sha256 for row in store.review_queue(10)] == list(map(identity, (2, 3, 1)))


def test_a_verdict_that_an_operating_point_overruled_is_as_unsure_as_its_probability(store, publish, identity):
    publish({1: (0.9, 1), 2: (0.45, 2), 3: (0.2, 3)}, medical_from=0.1)
    queue = [(row.sha256, row.uncertainty) for row in store.review_queue(10)]
    expected = [(identity(2), 0.9), (identity(3), 0.4), (identity(1), 0.2)]
    assert queue == [(sha256, pytest.approx(uncertainty)) for sha256, uncertainty in expected]


def test_voters_that_disagree_make_a_picture_worth_more(store, batch, identity):
    votes = [
        replace(vote, probability=0.01) if (vote.voter, vote.sha256) == ("cluster_cnn", identity(1)) else vote
        for vote in batch.votes
    ]
    store.begin_run(batch.record)
    store.publish_pictures("run-1", batch.pictures, [], votes, batch.verdicts, "set-1", "prompts-1")
    first = store.review_queue(1)[0]
    assert (first.sha256, first.disagreement) == (identity(1), pytest.approx(0.89))


def test_clusters_without_labels_come_before_those_that_have_some(store, publish, identity):
    publish({1: (0.8, 1), 2: (0.8, 1), 3: (0.8, 2)})
    store.add_labels([LabelRow(identity(1), "medical", "anna")])
    assert [row.sha256 for row in store.review_queue(10)] == [identity(3), identity(2)]


def test_like_pictures_take_turns_with_others(store, publish):
    publish(dict.fromkeys(range(1, 11), (0.52, 1)) | {number: (0.9, number) for number in range(11, 15)})
    clusters = [row.cluster for row in store.review_queue(20)]
    assert set(clusters[:6]) != {1}


def test_a_cluster_of_one_model_set_is_not_that_of_another_with_the_same_number(store, publish, identity):
    publish({1: (0.8, 1), 2: (0.8, 1), 3: (0.8, 1), 4: (0.52, 1)})
    store.add_labels([LabelRow(identity(1), "medical", "anna")])
    publish({5: (0.8, 1), 6: (0.9, 2)}, model_set="set-2")
    queue = {row.sha256: row for row in store.review_queue(10)}
    assert [queue[identity(word)].novelty for word in (2, 3, 4, 5, 6)] == [0.5, 0.5, 0.5, 1, 1]
    assert queue[identity(5)].worth == pytest.approx(0.5 * 0.4 + 0.2)  # the first of its cluster
    assert queue[identity(2)].worth + queue[identity(3)].worth == pytest.approx((0.5 * 0.4 + 0.1) * (1 / 2 + 1 / 3))


def test_of_a_chain_of_near_duplicates_one_is_asked_for_and_none_where_one_is_labelled(store, publish, identity):
    publish({1: (0.5, 1), 2: (0.5, 2), 3: (0.5, 3), 4: (0.5, 4), 5: (0.5, 5)})
    with store.engine.begin() as connection:
        query = text("UPDATE pictures SET near_duplicate_of = :first WHERE sha256 = :sha256")
        chain = [{"sha256": identity(word), "first": identity(word - 1)} for word in (2, 3, 4)]
        connection.execute(query, chain)
    assert len(store.review_queue(10)) == 2
    store.add_labels([LabelRow(identity(2), "medical", "anna")])
    assert [row.sha256 for row in store.review_queue(10)] == [identity(5)]


def test_of_near_duplicates_one_is_asked_for_and_none_where_one_is_labelled(store, publish, identity):
    publish({1: (0.5, 1), 2: (0.5, 2), 3: (0.5, 3)})
    with store.engine.begin() as connection:
        query = text("UPDATE pictures SET near_duplicate_of = :first WHERE sha256 = :sha256")
        connection.execute(query, {"sha256": identity(2), "first": identity(1)})
    assert len(store.review_queue(10)) == 2
    store.add_labels([LabelRow(identity(1), "medical", "anna")])
    assert [row.sha256 for row in store.review_queue(10)] == [identity(3)]


def test_a_label_ends_the_wait_also_an_unsure_one_and_one_taken_back_does_not(store, publish, identity):
    publish({1: (0.5, 1), 2: (0.6, 2), 3: (0.7, 3)})
    store.add_labels([LabelRow(identity(1), "medical", "anna"), LabelRow(identity(2), "unsure", "anna")])
    store.add_labels([LabelRow(identity(3), "unsure", "anna", is_withdrawn=True)])
    assert [row.sha256 for row in store.review_queue(10)] == [identity(3)]


def test_labels_that_the_model_contradicts_are_suspected_the_surest_first(store, publish, identity):
    publish({1: (0.9, 1), 2: (0.99, 2), 3: (0.9, 3)})
    store.add_labels([LabelRow(identity(word), "non-medical", "anna") for word in (1, 2)])
    store.add_labels([LabelRow(identity(3), "medical", "anna")])
    assert [row.sha256 for row in store.suspected_labels(10)] == [identity(2), identity(1)]
