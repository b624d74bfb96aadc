import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from medsift.contracts import Occurrence, SourceOutcome
from medsift.store import EncodedVectors, LabelRow
from medsift.store.bulk import clean, copy

pytestmark = pytest.mark.postgres
WILD = st.text(st.characters(codec=None), max_size=40)
LOOSE = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@LOOSE
@given(source=WILD, caption=WILD, tags=st.dictionaries(WILD, WILD, max_size=3))
def test_any_text_is_stored_as_it_was_save_what_postgres_cannot_hold(store, make_batch, source, caption, tags):
    run = make_batch()
    store.begin_run(run.record)
    row = Occurrence(source, "folder", 0, "failed", reason=caption, caption=caption, tags=tags)
    store.publish_sources(run.run_id, [SourceOutcome(source, "folder", "done", digest="d")], [row], "code")
    cleaned = {clean(key): clean(value) for key, value in tags.items()}
    expected = replace(row, reason=clean(caption), caption=clean(caption), tags=cleaned)
    assert store.occurrences_of([source]) == [expected]
    assert store.known_sources([source])[source].state == "done"


def test_odd_texts_among_thousands_of_plain_ones_are_stored_as_they_were(store, make_batch):
    run = make_batch()
    store.begin_run(run.record)
    odd = {7: "tab\tand \\N", 1003: "two\nlines\r", 2500: "größer", 2501: "", 2999: "\\."}
    rows = [Occurrence("s", "pdf", n, "failed", odd.get(n, "plain"), page=n or None) for n in range(3000)]
    store.publish_sources(run.run_id, [SourceOutcome("s", "pdf", "done")], rows, "code")
    assert store.occurrences_of(["s"]) == rows


def test_what_raises_while_rows_are_made_is_raised_and_nothing_is_written(store, batch):
    store.begin_run(batch.record)

    def rows():
        yield ("model", "name", 3)
        raise KeyError("a fault of ours")

    with pytest.raises(KeyError, match="a fault of ours"), store.engine.begin() as connection:
        copy(connection, "models", ("digest", "name", "width"), rows())
    with store.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM models")) == 0


@given(WILD)
def test_cleaned_text_is_text_that_postgres_holds(value):
    cleaned = clean(value)
    assert "\0" not in cleaned
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert clean(cleaned) == cleaned


def test_a_source_name_longer_than_an_index_can_hold_is_stored(store, make_batch):
    name = "https://example.org/?" + "".join(chr(0x4E00 + number * 7 % 20000) for number in range(8000))
    run = make_batch()
    store.begin_run(run.record)
    store.publish_sources(run.run_id, [SourceOutcome(name, "web", "done")], [], "code")
    assert store.known_sources([name])[name].source == name


def test_vectors_come_back_bit_for_bit(store, batch, identity):
    batch.publish(store)
    extremes = np.array([[np.float32(1e-38), -0.0, 3.4e38, 1 / 3]], np.float32)
    encoded = EncodedVectors("odd", "encoder-odd", [identity(1)], extremes)
    store.publish_pictures(batch.run_id, batch.pictures, [encoded], [], [], "set-1", "prompts-1")
    found, values = store.vectors("encoder-odd", [identity(1), identity(2)])
    assert found == [identity(1)]
    assert values.tobytes() == extremes.tobytes()


def test_encoders_of_differing_widths_lie_side_by_side(store, batch, identity):
    batch.publish(store)
    wide = EncodedVectors("cnn", "encoder-wide", [identity(1)], np.full((1, 1280), 0.5, np.float32))
    store.publish_pictures(batch.run_id, batch.pictures, [wide], [], [], "set-1", "prompts-1")
    assert store.vectors("encoder-wide", [identity(1)])[1].shape == (1, 1280)
    assert store.vectors("encoder-1", [identity(1)])[1].shape == (1, 8)


def test_more_keys_than_one_query_takes_are_all_looked_up(store, batch, identity):
    batch.publish(store)
    many = [identity(word) for word in range(12_000)]
    assert len(store.lacking_vectors("encoder-1", many)) == 12_000 - 3
    assert len(store.pictures(many)) == 3
    assert len(store.newest_labels(many)) == 0


def test_many_labels_stream_out_in_order(store, batch, identity):
    batch.publish(store)
    store.add_labels([LabelRow(identity(1), "medical", f"person {number:04d}") for number in range(2500)])
    people = [row.labelled_by for row in store.all_labels()]
    assert len(people) == 2500
    assert sorted(people) == [f"person {number:04d}" for number in range(2500)]


def test_settings_and_counts_are_stored_as_json(store, batch):
    batch.publish(store)
    with store.engine.connect() as connection:
        row = connection.execute(text("SELECT settings, counts, state, finished_at FROM runs")).one()
    assert row.settings == {"review_threshold": 0.8}
    assert json.dumps(row.counts) == '{"found": 6}'
    assert row.state == "done"
    assert row.finished_at is not None
