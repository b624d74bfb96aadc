"""Labels through REST: each is a row, nobody overwrites unseen, what was said can be taken back."""

import pytest

from tests.review.made import Made, identity

pytestmark = pytest.mark.postgres


def give(client, *numbers, label="medical", **more):
    labels = [{"sha256": identity(number), "label": label, **more} for number in numbers]
    return client.post("/api/v1/labels", json={"labels": labels})


def test_a_label_is_a_row_with_who_before_and_after(bench, anna):
    bench.publish(Made(1, 0.6))
    first = give(anna, 1).json()["given"][0]
    assert (first["before"], first["after"]["label"], first["after"]["labelled_by"]) == (None, "medical", "anna")
    second = give(anna, 1, label="non-medical", seen=first["after"]["id"]).json()["given"][0]
    assert (second["before"], second["after"]["label"]) == (first["after"], "non-medical")
    assert [row.label for row in bench.store.all_labels()] == ["medical", "non-medical"]


def test_two_reviewers_do_not_overwrite_each_other_unseen(bench, anna):
    bench.publish(Made(1, 0.6))
    otto = bench.client("otto:LABEL")
    theirs = give(otto, 1).json()["given"][0]["after"]
    refused = give(anna, 1, label="non-medical")
    assert refused.status_code == 409
    assert "otto" in refused.json()["detail"]
    assert refused.json()["refused"][0]["before"]["id"] == theirs["id"]
    assert bench.store.newest_labels()[identity(1)].labelled_by == "otto"
    assert give(anna, 1, label="non-medical", seen=theirs["id"]).status_code == 200


def test_of_a_selection_all_that_nobody_touched_are_labelled(bench, anna):
    bench.publish(Made(1, 0.6), Made(2, 0.6), Made(3, 0.6))
    give(bench.client("otto:LABEL"), 2)
    changes = give(anna, 1, 2, 3, label="non-medical").json()
    assert {change["sha256"] for change in changes["given"]} == {identity(1), identity(3)}
    assert [change["before"]["labelled_by"] for change in changes["refused"]] == ["otto"]


def test_what_was_taken_back_is_as_it_was_before(bench, anna):
    bench.publish(Made(1, 0.6), Made(2, 0.6))
    give(bench.client("otto:LABEL"), 2)
    theirs = bench.store.said([identity(2)])[identity(2)][0].id
    ids = [give(anna, 1).json()["given"][0]["after"]["id"]]
    ids += [give(anna, 2, label="unsure", seen=theirs).json()["given"][0]["after"]["id"]]
    assert anna.post("/api/v1/labels/take-back", json={"ids": ids}).status_code == 200
    newest = bench.store.newest_labels()
    assert newest[identity(1)].is_withdrawn
    assert (newest[identity(2)].label, newest[identity(2)].is_withdrawn) == ("medical", False)
    assert [row.sha256 for row in bench.store.review_queue(10)] == [identity(1)]


def test_labels_of_others_are_not_taken_back(bench, anna):
    bench.publish(Made(1, 0.6))
    theirs = give(bench.client("otto:LABEL"), 1).json()["given"][0]["after"]["id"]
    assert anna.post("/api/v1/labels/take-back", json={"ids": [theirs]}).status_code == 409
    assert bench.store.newest_labels()[identity(1)].label == "medical"


def test_a_label_that_somebody_has_changed_since_is_not_taken_back(bench, anna):
    bench.publish(Made(1, 0.6))
    mine = give(anna, 1).json()["given"][0]["after"]["id"]
    give(bench.client("otto:LABEL"), 1, label="non-medical", seen=mine)
    assert anna.post("/api/v1/labels/take-back", json={"ids": [mine]}).status_code == 409
    assert bench.store.newest_labels()[identity(1)].labelled_by == "otto"


def test_what_a_person_said_last_that_person_may_change_though_the_answer_was_lost(bench, anna):
    bench.publish(Made(1, 0.6))
    give(anna, 1)
    assert give(anna, 1, label="non-medical").status_code == 200
    assert bench.store.newest_labels()[identity(1)].label == "non-medical"


def test_of_several_labels_of_a_picture_taken_back_together_none_counts(bench, anna):
    bench.publish(Made(1, 0.6))
    ids = [
        give(anna, 1, label=label).json()["given"][0]["after"]["id"] for label in ("medical", "non-medical", "unsure")
    ]
    assert anna.post("/api/v1/labels/take-back", json={"ids": ids}).status_code == 200
    assert bench.store.newest_labels()[identity(1)].is_withdrawn


def test_who_may_only_look_takes_no_picture_from_those_who_label(bench, anna):
    bench.publish(*(Made(number, 0.6, cluster=number) for number in range(6)))
    vera = bench.client("vera:READ")
    assert len(vera.get("/api/v1/queue").json()["asked"]) == 6
    assert len(anna.get("/api/v1/queue").json()["asked"]) == 6
    assert len(vera.get("/api/v1/queue").json()["asked"]) == 6


def test_where_others_hold_all_that_is_left_one_is_asked_what_they_come_to_last(bench, anna):
    bench.publish(*(Made(number, 0.6, cluster=number) for number in range(6)))
    held = [each["picture"]["sha256"] for each in anna.get("/api/v1/queue").json()["asked"]]
    asked = bench.client("otto:LABEL").get("/api/v1/queue").json()
    assert [each["picture"]["sha256"] for each in asked["asked"]] == held[::-1]


def test_labels_that_nobody_could_be_told_of_are_told_of_the_next_time(bench, anna):
    bench.publish(Made(1, 0.6), Made(2, 0.6))
    give(anna, 1, 2)
    tell, desk = bench.app.state.desk.on_labels, bench.app.state.desk

    def fails(*_):
        raise RuntimeError("Airflow is gone")

    desk.on_labels = fails
    assert anna.post("/api/v1/labels/done", json={}).status_code == 500
    desk.on_labels = tell
    assert anna.post("/api/v1/labels/done", json={}).json() == {"told": 2}


def test_a_label_that_was_taken_back_is_told_of_to_nobody(bench, anna):
    bench.publish(Made(1, 0.6), Made(2, 0.6))
    first, _ = (change["after"]["id"] for change in give(anna, 1, 2).json()["given"])
    anna.post("/api/v1/labels/take-back", json={"ids": [first]})
    assert anna.post("/api/v1/labels/done", json={}).json() == {"told": 1}


def test_an_unsure_picture_leaves_the_queue(bench, anna):
    bench.publish(Made(1, 0.6), Made(2, 0.7, cluster=2))
    give(anna, 1, label="unsure")
    asked = anna.get("/api/v1/queue").json()
    assert [each["picture"]["sha256"] for each in asked["asked"]] == [identity(2)]


def test_two_reviewers_are_not_asked_the_same(bench, anna):
    bench.publish(*(Made(number, 0.6, cluster=number) for number in range(6)))
    otto = bench.client("otto:LABEL")
    mine, theirs = (
        {each["picture"]["sha256"] for each in client.get("/api/v1/queue?limit=3").json()["asked"]}
        for client in (anna, otto)
    )
    assert (len(mine), len(theirs), mine & theirs) == (3, 3, set())


def test_done_tells_of_the_labels_once(bench, anna):
    bench.publish(Made(1, 0.6), Made(2, 0.6))
    give(anna, 1, 2)
    assert bench.told == []
    assert anna.post("/api/v1/labels/done").json() == {"told": 2}
    assert anna.post("/api/v1/labels/done").json() == {"told": 0}
    assert bench.told == [("anna", 2)]


def test_fifty_labels_are_told_of_although_nobody_is_done(bench, anna):
    bench.publish(*(Made(number, 0.6) for number in range(51)))
    give(anna, *range(49))
    assert bench.told == []
    give(anna, 49)
    assert bench.told == [("anna", 50)]


def test_a_cluster_tells_its_purity_by_what_people_said(bench, anna):
    bench.publish(*(Made(number, 0.9) for number in range(4)), Made(9, 0.9, cluster=2))
    before = anna.get("/api/v1/clusters/1").json()
    assert (before["medical"], before["labelled"], before["purity"], len(before["asked"])) == (4, 0, 1.0, 4)
    give(anna, 0, 1, label="medical")
    give(anna, 2, label="non-medical")
    after = anna.get("/api/v1/clusters/1").json()
    assert (after["labelled"], after["purity"]) == (3, pytest.approx(2 / 3))


def test_clusters_of_two_model_sets_with_the_same_number_are_labelled_apart(bench, anna):
    bench.publish(Made(1, 0.6, cluster=3), Made(2, 0.6, cluster=3), model_set="set-1")
    bench.publish(Made(3, 0.6, cluster=3), run="run-2", model_set="set-2")
    groups = [
        anna.get("/api/v1/clusters/3", params=params).json()
        for params in ({}, {"model_set": "set-2"}, {"model_set": "set-1"})
    ]
    assert [{each["picture"]["sha256"] for each in group["asked"]} for group in groups] == [
        {identity(3)}, {identity(3)}, {identity(1), identity(2)},
    ]  # fmt: skip
    assert [group["name"] for group in groups] == ["Cluster 3", "Cluster 3", "Cluster 3 of model set set-1"]


def test_a_number_that_only_another_model_set_has_is_no_cluster(bench, anna):
    bench.publish(Made(1, 0.6, cluster=3), model_set="set-1")
    bench.publish(Made(2, 0.6, cluster=4), run="run-2", model_set="set-2")
    answer = anna.get("/api/v1/clusters/3")
    assert (answer.status_code, answer.json()["detail"]) == (
        404, "There is no picture in cluster 3 of the model set in use.",
    )  # fmt: skip


def test_all_similar_pictures_are_those_of_like_vectors(bench, anna):
    bench.publish(*(Made(number, 0.6) for number in range(3)), Made(9, 0.6, cluster=2))
    group = anna.get(f"/api/v1/pictures/{identity(0)}/group").json()
    assert {each["picture"]["sha256"] for each in group["asked"]} == {identity(number) for number in range(3)}


def test_a_label_of_an_unknown_picture_is_refused_by_name(bench, anna):
    answer = give(anna, 7)
    assert answer.status_code == 404
    assert identity(7) in answer.json()["detail"]
