from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from medsift.store import LabelRow, PictureFilter

pytestmark = pytest.mark.postgres
COLUMNS = [
    "sha256", "label", "decided_by", "labelled_by", "probability", "confidence", "kind", "needs_review",
    "first_seen", "last_seen",
]  # fmt: skip


def _row(store, sha256):
    with store.engine.connect() as connection:
        query = text("SELECT * FROM picture_labels WHERE sha256 = :sha256")
        return connection.execute(query, {"sha256": sha256}).one()


def test_the_view_has_exactly_the_columns_people_rely_on(store):
    with store.engine.connect() as connection:
        assert list(connection.execute(text("SELECT * FROM picture_labels")).keys()) == COLUMNS


def test_without_a_label_the_model_decides(store, batch, identity):
    batch.publish(store)
    row = _row(store, identity(1))
    assert (row.label, row.decided_by, row.labelled_by, row.kind) == ("medical", "model", None, "xray")
    assert (row.probability, row.confidence, row.needs_review) == (0.9, 0.9, False)


def test_a_persons_newest_label_wins_and_ends_review(store, batch, identity):
    batch.publish(store)
    store.add_labels([LabelRow(identity(3), "medical", "vera")])
    store.add_labels([LabelRow(identity(3), "non-medical", "otto", "photo")])
    row = _row(store, identity(3))
    assert (row.label, row.decided_by, row.labelled_by, row.kind) == ("non-medical", "person", "otto", "photo")
    assert row.needs_review is False
    assert row.probability == 0.9


def test_of_labels_of_one_picture_given_at_once_the_last_counts(store, batch, identity):
    batch.publish(store)
    said = ["medical", "non-medical", "unsure", "non-medical", "medical"]
    store.add_labels([LabelRow(identity(number), label, "vera") for label in said for number in (1, 2, 3)])
    assert {label.label for label in store.newest_labels().values()} == {"medical"}
    store.add_labels([LabelRow(identity(number), label, "otto") for label in said[:2] for number in (1, 2, 3)])
    assert {label.label for label in store.newest_labels().values()} == {"non-medical"}


def test_a_label_without_kind_takes_the_models_kind_only_where_both_agree(store, batch, identity):
    batch.publish(store)
    store.add_labels([LabelRow(identity(1), "medical", "vera"), LabelRow(identity(2), "medical", "vera")])
    assert _row(store, identity(1)).kind == "xray"
    assert _row(store, identity(2)).kind is None


def test_unsure_decides_nothing_and_takes_back_an_earlier_label(store, batch, identity):
    batch.publish(store)
    store.add_labels([LabelRow(identity(1), "non-medical", "vera")])
    store.add_labels([LabelRow(identity(1), "unsure", "vera")])
    row = _row(store, identity(1))
    assert (row.label, row.decided_by, row.labelled_by) == ("medical", "model", None)
    assert store.newest_labels()[identity(1)].label == "unsure"


def test_a_picture_may_be_named_by_the_digest_of_its_stored_file(store, batch, identity):
    batch.publish(store)
    done = store.add_labels([LabelRow(identity("file 1"), "non-medical", "vera")])
    assert (done.added, done.repeated, done.unknown) == (1, 0, ())
    assert _row(store, identity(1)).labelled_by == "vera"


def test_a_name_that_is_one_pictures_identity_and_anothers_file_means_the_identity(store, batch, identity):
    batch.publish(store)
    with store.engine.begin() as connection:
        query = text("UPDATE pictures SET stored_sha256 = :other WHERE sha256 = :sha256")
        connection.execute(query, {"other": identity(2), "sha256": identity(1)})
    assert store.add_labels([LabelRow(identity(2), "medical", "vera")]).added == 1
    assert list(store.newest_labels()) == [identity(2)]


def test_an_older_label_brought_later_does_not_win(store, batch, identity):
    batch.publish(store)
    store.add_labels([LabelRow(identity(1), "non-medical", "vera")])
    old = LabelRow(identity(1), "medical", "otto", labelled_at=datetime(2020, 1, 1, tzinfo=UTC))
    store.add_labels([old])
    assert _row(store, identity(1)).labelled_by == "vera"
    assert [row.labelled_by for row in store.all_labels()] == ["otto", "vera"]


def test_labels_brought_twice_are_stored_once(store, batch, identity):
    batch.publish(store)
    rows = [LabelRow(identity(1), "medical", "vera", "ct", datetime(2026, 4, 1, tzinfo=UTC))]
    assert store.add_labels(rows).added == 1
    again = store.add_labels(rows)
    assert (again.added, again.repeated) == (0, 1)
    assert store.newest_labels([identity(1)]) == {identity(1): rows[0]}


def test_who_says_again_what_they_said_last_adds_nothing(store, batch, identity):
    batch.publish(store)
    rows = [LabelRow(identity("file 1"), "medical", "vera"), LabelRow(identity(2), "non-medical", "vera", "photo")]
    assert store.add_labels(rows).added == 2
    again = store.add_labels([*rows, *rows, LabelRow(identity(99), "medical", "vera")])
    assert (again.added, again.repeated, again.unknown) == (0, 4, (identity(99),))
    changed = [
        LabelRow(identity(1), "non-medical", "vera"),
        rows[0],
        LabelRow(identity(2), "non-medical", "vera", "map"),
    ]
    assert store.add_labels(changed).added == 3
    assert store.newest_labels([identity(1)])[identity(1)].label == "medical"
    assert store.add_labels([LabelRow(identity(1), "medical", "otto")]).added == 1


def test_labels_of_unknown_pictures_are_named_and_left_out(store, batch, identity):
    batch.publish(store)
    done = store.add_labels([LabelRow(identity(1), "medical", "vera"), LabelRow(identity(99), "medical", "vera")])
    assert (done.added, done.repeated, done.unknown) == (1, 0, (identity(99),))


@pytest.mark.parametrize("command", ["UPDATE labels SET label = 'medical'", "DELETE FROM labels", "TRUNCATE labels"])
def test_not_even_the_owner_changes_labels(store, database, batch, identity, command):
    from medsift.store.connection import engine_of

    batch.publish(store)
    store.add_labels([LabelRow(identity(1), "unsure", "vera")])
    engine = engine_of(database.owner)
    with pytest.raises(ProgrammingError, match="only ever added"), engine.begin() as connection:
        connection.execute(text(command))
    engine.dispose()


def test_a_picture_the_current_set_has_not_scored_keeps_its_verdict(store, batch, make_batch, identity, days_later):
    batch.publish(store)
    make_batch("run-2", {"/in/c.pdf": [1, 5]}, days_later(1), model_set="set-2", probability=0.2).publish(store)
    store.set_current_model_set("set-1")
    assert _row(store, identity(1)).label == "medical"
    assert _row(store, identity(5)).label == "non-medical"
    store.set_current_model_set("set-2")
    assert store.current_model_set() == "set-2"
    assert _row(store, identity(1)).label == "non-medical"
    assert _row(store, identity(3)).label == "medical"


def test_export_gives_each_picture_once_with_a_place(store, batch, identity):
    batch.publish(store)
    rows = {row.sha256: row for row in store.export_rows()}
    assert set(rows) == {identity(word) for word in (1, 2, 3)}
    row = rows[identity(2)]
    assert (row.source, row.source_kind, row.page, row.caption) == ("/in/a.pdf", "pdf", 2, "Figure 2")
    assert (row.width, row.extension) == (302, "png")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (PictureFilter(label="medical"), {1, 3}),
        (PictureFilter(label="medical", needs_review=False), {1}),
        (PictureFilter(kind="photo"), {2}),
        (PictureFilter(min_confidence=0.95), set()),
        (PictureFilter(source="/in/b.pdf"), {2, 3}),
        (PictureFilter(run="run-1"), {1, 2, 3}),
        (PictureFilter(run="no run"), set()),
    ],
)
def test_export_filters(store, batch, identity, wanted, words):
    batch.publish(store)
    assert {row.sha256 for row in store.export_rows(wanted)} == {identity(word) for word in words}


def test_export_of_a_source_names_that_source(store, batch, identity):
    batch.publish(store)
    rows = {row.sha256: row.source for row in store.export_rows(PictureFilter(source="/in/b.pdf"))}
    assert rows[identity(2)] == "/in/b.pdf"
