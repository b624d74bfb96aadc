"""What pages read is kept ready, and is what reading or counting it anew would give, whatever happened to pictures."""

from dataclasses import replace
from itertools import product

import pytest
from sqlalchemy import text

from medsift.store import LabelRow, PictureFilter
from medsift.store.connection import engine_of

pytestmark = pytest.mark.postgres

CHOICES = {
    "label": (None, "medical", "non-medical"),
    "kind": (None, "xray_chest", "plot"),
    "needs_review": (None, True, False),
    "disputed": (None, True, False),
    "decided_by": (None, "person", "model"),
}


@pytest.fixture
def varied(store, make_batch):
    """Thirty pictures of all sorts in run-1."""
    made = make_batch(sources={"/in/a.pdf": range(1, 31)})
    store.begin_run(made.record)
    store.publish_pictures("run-1", made.pictures, [], made.votes, varied_verdicts(made), "set-1", "prompts-1")
    store.set_current_model_set("set-1")
    return made


def varied_verdicts(made):
    return [
        replace(
            each,
            verdict="medical" if number % 3 else "non-medical",
            probability=number / 31,
            agreement=1.0 if number % 4 else 0.5,
            needs_review=number % 5 == 0,
            kind="xray_chest" if number % 3 else "plot",
        )
        for number, each in enumerate(made.verdicts)
    ]


def assert_kept_is_true(store):
    columns = "sha256, label, decided_by, said, kind, needs_review, verdict, probability, agreement, cluster, captions"
    with store.engine.connect() as connection:
        kept, now = (
            connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY sha256")).all()  # noqa: S608 - our words
            for table in ("catalogue", "catalogue_now")
        )
    assert kept == now
    for values in product(*CHOICES.values()):
        wanted = PictureFilter(**dict(zip(CHOICES, values, strict=True)))
        assert store.totals(wanted) == store.totals(replace(wanted, run="run-1"))


def test_counts_of_all_pictures_are_those_counted_anew(store, varied):
    totals = store.totals(PictureFilter())
    assert (totals.pictures, totals.medical, totals.to_review, totals.disputed) == (30, 20, 6, 8)
    assert sum(totals.histogram) == 30
    assert_kept_is_true(store)


def test_counts_follow_labels_and_what_is_taken_back(store, varied, identity):
    store.add_labels([LabelRow(identity(number), "medical", "anna") for number in (1, 2, 3, 4)])
    assert store.totals(PictureFilter()).by_person == 4
    assert_kept_is_true(store)
    store.add_labels([LabelRow(identity(1), "unsure", "anna", is_withdrawn=True)])
    assert store.totals(PictureFilter()).by_person == 3
    assert_kept_is_true(store)


def test_counts_follow_the_verdicts_of_the_model_set_that_is_current(store, varied, make_batch, days_later):
    make_batch("run-2", varied.sources, days_later(1), model_set="set-2", probability=0.99).publish(store)
    for current, medical in (("set-2", 15), ("set-1", 20)):
        store.set_current_model_set(current)
        assert store.totals(PictureFilter()).medical == medical
        assert_kept_is_true(store)


def test_counts_follow_pictures_that_are_removed(database, store, varied, identity):
    engine = engine_of(database.owner)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM pictures WHERE sha256 = :sha256"), {"sha256": identity(1)})
    engine.dispose()
    assert store.totals(PictureFilter()).pictures == 29
    assert_kept_is_true(store)


def test_captions_follow_where_pictures_stand(store, varied):
    def captions():
        with store.engine.connect() as connection:
            return connection.scalars(text("SELECT captions FROM catalogue ORDER BY sha256")).all()

    assert set(captions()) == {""}
    placed = [replace(each, caption=f"Figure {number}.") for number, each in enumerate(varied.occurrences)]
    store.publish_sources("run-1", varied.outcomes, placed, "code-1")
    assert sum(each != "" for each in captions()) == 30
    assert_kept_is_true(store)
    elsewhere = [replace(each, caption="") for each in placed[:10]]
    store.publish_sources("run-1", varied.outcomes, elsewhere, "code-1")
    assert set(captions()) == {""}
    assert_kept_is_true(store)
