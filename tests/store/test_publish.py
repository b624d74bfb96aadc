import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import create_engine, delete, text

from medsift.contracts import Occurrence
from medsift.errors import StoreError
from medsift.store import publish
from medsift.store.records import ModelSetRecord
from medsift.store.tables import Base
from tests.store.conftest import sha

pytestmark = pytest.mark.postgres


def test_published_rows_are_read_back_as_they_were_given(store, batch):
    batch.publish(store)
    keys = [picture.sha256 for picture in batch.pictures]
    assert store.pictures(keys) == {picture.sha256: picture for picture in batch.pictures}
    assert store.verdicts(keys, "set-1", "prompts-1") == {row.sha256: row for row in batch.verdicts}
    assert sorted(store.votes(keys, "set-1", "prompts-1"), key=repr) == sorted(batch.votes, key=repr)
    assert store.occurrences_of(["/in/a.pdf", "/in/b.pdf"]) == batch.occurrences
    found, values = store.vectors("encoder-1", keys)
    assert values.dtype == np.float32
    order = [found.index(key) for key in batch.vectors.sha256s]
    assert np.array_equal(values[order], batch.vectors.values)


def test_known_sources_tell_what_governed_their_reading(store, batch):
    batch.publish(store)
    known = store.known_sources(["/in/a.pdf", "/in/never.pdf"])
    assert list(known) == ["/in/a.pdf"]
    row = known["/in/a.pdf"]
    assert (row.digest, row.etag, row.last_modified) == ("digest /in/a.pdf", "etag digest", "yesterday")
    assert (row.state, row.extraction) == ("done", "code-1")


def test_publishing_twice_changes_nothing(store, batch, everything):
    batch.publish(store)
    before = everything(store.engine)
    batch.publish(store)
    assert everything(store.engine) == before


def test_two_runs_give_the_same_rows_in_whatever_order(store, database, batch, make_batch, everything, days_later):
    later = make_batch("run-2", {"/in/b.pdf": [3, 4], "/in/c.pdf": [5]}, days_later(1), probability=0.7, digest="new")
    later.publish(store)
    batch.publish(store)
    other_way = everything(store.engine)
    batch.publish(store)
    later.publish(store)
    assert everything(store.engine) == other_way
    assert store.known_sources(["/in/b.pdf"])["/in/b.pdf"].digest == "new /in/b.pdf"
    assert [row.sha256 for row in store.occurrences_of(["/in/b.pdf"])] == [
        row.sha256 for row in later.occurrences if row.source == "/in/b.pdf"
    ]


def test_near_duplicates_linked_both_ways_round_leave_one_that_stands_for_both(store, batch, identity):
    first, second = sorted([identity(1), identity(2)])
    store.begin_run(batch.record)
    pictures = {picture.sha256: picture for picture in batch.pictures}
    for duplicate, original in ((first, second), (second, first), (first, second)):
        linked = [replace(pictures[duplicate], near_duplicate_of=original), pictures[original]]
        store.publish_pictures(batch.run_id, linked, [], [], [], "set-1", "prompts-1")
    found = store.pictures([first, second])
    assert found[first].near_duplicate_of is None
    assert found[second].near_duplicate_of == first


def test_votes_of_a_voter_that_is_gone_vanish_with_the_next_verdict(store, batch, make_batch, identity, days_later):
    batch.publish(store)
    later = make_batch("run-2", began=days_later(1))
    store.begin_run(later.record)
    votes = [vote for vote in later.votes if vote.voter == "zero_shot"]
    store.publish_pictures("run-2", later.pictures, [], votes, later.verdicts, "set-1", "prompts-1")
    assert {vote.voter for vote in store.votes([identity(1)], "set-1", "prompts-1")} == {"zero_shot"}


@pytest.mark.parametrize("analysed", ["never", "when it was empty", "when it held little"])
def test_publishing_a_shard_reads_its_own_rows_and_no_others(store, database, make_batch, analysed):
    """Whatever Postgres believes of a table: it once read all verdicts for each vote, or all pictures for each pair."""
    if analysed != "never":
        _leave_statistics(store, database, make_batch, is_empty=analysed == "when it was empty")
    for number in range(3):
        shard = make_batch(sources={f"/in/{number}.pdf": range(1000 * number, 1000 * (number + 1))})
        store.begin_run(shard.record)
        first, second, *others = shard.pictures
        linked = [replace(first, near_duplicate_of=second.sha256), replace(second, near_duplicate_of=first.sha256)]
        with store.engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = '60s'"))  # else such a plan would never end
            with _rows_read(connection) as read:
                publish.publish_pictures(
                    connection, shard.run_id, [*linked, *others], [], shard.votes, shard.verdicts, "set-1", "prompts-1"
                )
    assert read["verdicts"] <= 5 * 1000  # each of two votes a picture looks for its verdict, and the catalogue twice
    assert read["pictures"] <= 5 * 1000 + 100


@pytest.mark.parametrize("is_empty", [True, False])
def test_another_model_set_becomes_current_whatever_postgres_believes_of_the_tables(
    store, database, make_batch, is_empty
):
    _leave_statistics(store, database, make_batch, is_empty=is_empty)
    batch = make_batch(sources={"/in/0.pdf": range(3000)})
    batch.publish(store)
    store.register_model_set(ModelSetRecord("set-1", "lite"))
    with store.engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))  # else such a plan would never end
        with _rows_read(connection) as read:
            publish.set_current_model_set(connection, "set-1")
    assert read["verdicts"] <= 4 * 3000
    assert read["votes"] <= 8 * 3000


@contextmanager
def _rows_read(connection):
    """Rows of each table that are read within; Postgres counts a session's transactions on until it reports them."""
    query = text("SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows FROM pg_stat_xact_user_tables")
    read = Counter()
    before = {table.relname: table.rows for table in connection.execute(query)}
    yield read
    read.update({table.relname: table.rows for table in connection.execute(query)})
    read.subtract(before)


def _leave_statistics(store, database, make_batch, *, is_empty):
    """Tables with many pages, in which Postgres found no row, or hardly one, when it last looked."""
    make_batch("run-0", {"/in/0.pdf": range(10_000, 12_000)}).publish(store)
    admin = create_engine(database.admin, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("SET session_replication_role = replica"))  # no foreign key is asked
        for table in ("votes", "verdicts", "catalogue", "run_pictures", "occurrences", "pictures"):
            rows = Base.metadata.tables[table]
            connection.execute(delete(rows) if is_empty else delete(rows).where(rows.c.sha256 != sha(10_000)))
            connection.execute(text(f"VACUUM (ANALYZE, TRUNCATE false) {table}"))
    admin.dispose()


def test_votes_without_verdict_are_a_fault(store, batch):
    store.begin_run(batch.record)
    with pytest.raises(ValueError, match="no verdict"):
        store.publish_pictures(batch.run_id, batch.pictures, [], batch.votes, [], "set-1", "prompts-1")


def test_a_failed_source_keeps_its_digest_and_occurrences_and_says_why(store, batch, make_batch, days_later):
    batch.publish(store)
    before = store.occurrences_of(["/in/a.pdf"])
    make_batch("run-2", {"/in/a.pdf": []}, days_later(1), state="failed", digest="broken").publish(store)
    row = store.known_sources(["/in/a.pdf"])["/in/a.pdf"]
    assert (row.digest, row.extraction, row.state) == ("digest /in/a.pdf", "code-1", "failed")
    assert store.occurrences_of(["/in/a.pdf"]) == before
    assert [found.reason for found in store.verdicts_by_source("run-2")] == ["It is failed."]


def test_a_source_none_of_whose_pictures_can_be_decoded_was_read_all_the_same(store, batch, make_batch, days_later):
    batch.publish(store)
    later = make_batch("run-2", {"/in/a.pdf": []}, days_later(1), state="failed")
    store.begin_run(later.record)
    broken = Occurrence("/in/a.pdf", "pdf", 0, "failed", "The picture is truncated.", page=1)
    (outcome,) = later.outcomes
    store.publish_sources("run-2", [replace(outcome, found=1)], [broken], "code-1")
    assert store.occurrences_of(["/in/a.pdf"]) == [broken]


def test_a_source_that_failed_the_first_time_is_known_without_digest(store, make_batch):
    make_batch(sources={"/in/a.pdf": []}, state="failed").publish(store)
    row = store.known_sources(["/in/a.pdf"])["/in/a.pdf"]
    assert (row.digest, row.extraction, row.state) == ("", "", "failed")


def test_an_unchanged_source_is_counted_with_its_stored_pictures(store, batch, make_batch, days_later):
    batch.publish(store)
    later = make_batch("run-2", began=days_later(1), state="unchanged")
    store.begin_run(later.record)
    store.publish_sources("run-2", later.outcomes, [], "code-2")
    row = store.known_sources(["/in/a.pdf"])["/in/a.pdf"]
    assert (row.state, row.extraction, row.digest) == ("done", "code-1", "digest /in/a.pdf")
    found = store.verdicts_by_source("run-2")
    assert [(f.source, f.state, f.medical, f.non_medical) for f in found] == [
        ("/in/a.pdf", "unchanged", 1, 1),
        ("/in/b.pdf", "unchanged", 1, 1),
    ]


def test_verdicts_by_source_count_distinct_pictures(store, make_batch):
    make_batch(sources={"/in/a.pdf": [1, 1, 2, 3], "/in/empty.pdf": []}).publish(store)
    found = store.verdicts_by_source("run-1")
    assert [(f.source, f.found, f.medical, f.non_medical, f.to_review) for f in found] == [
        ("/in/a.pdf", 5, 2, 1, 1),
        ("/in/empty.pdf", 1, 0, 0, 0),
    ]


def test_sources_and_vectors_that_lack_something_are_named(store, batch, identity):
    batch.publish(store)
    store.begin_run(batch.record)
    sources = ["/in/a.pdf", "/in/b.pdf", "/in/new.pdf"]
    assert store.sources_lacking_verdicts(sources, "set-1", "prompts-1") == set()
    assert store.sources_lacking_verdicts(sources, "set-2", "prompts-1") == {"/in/a.pdf", "/in/b.pdf"}
    assert store.lacking_vectors("encoder-1", [identity(1), identity(9)]) == {identity(9)}
    assert store.lacking_vectors("encoder-2", [identity(1)]) == {identity(1)}
    assert store.vectors("encoder-2", [identity(1)])[0] == []


def test_empty_lists_are_published_as_nothing(store, make_batch):
    nothing = make_batch(sources={})
    store.begin_run(nothing.record)
    store.publish_pictures("run-1", [], [], [], [], "set-1", "prompts-1")
    store.publish_sources("run-1", [], [], "code-1")
    store.finish_run("run-1", "done", {})
    assert store.verdicts_by_source("run-1") == []


def test_a_run_that_was_not_begun_publishes_nothing(store, batch):
    with pytest.raises(StoreError, match="not in the database"):
        batch.publish_pictures(store)


def test_publishers_wait_for_each_other(store, batch, everything, database):
    order = []
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with store.exclusive():
            order.append("second")

    other = threading.Thread(target=second)
    other.start()
    with store.exclusive():
        inside.set()
        other.join(0.5)
        assert other.is_alive()
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]


def test_what_a_source_failed_on_is_known_until_it_is_read(store, batch, make_batch, days_later):
    batch.publish(store)
    make_batch("run-2", {"/in/a.pdf": []}, days_later(1), state="failed", digest="broken").publish(store)
    make_batch("run-3", {"/in/a.pdf": []}, days_later(2), state="unchanged", extraction="code-2").publish(store)
    row = store.known_sources(["/in/a.pdf"])["/in/a.pdf"]
    assert (row.failed_digest, row.failed_extraction, row.state) == ("broken /in/a.pdf", "code-1", "failed")
    make_batch("run-4", {"/in/a.pdf": [1]}, days_later(3)).publish(store)
    row = store.known_sources(["/in/a.pdf"])["/in/a.pdf"]
    assert (row.failed_digest, row.failed_extraction, row.state) == ("", "", "done")


def test_a_model_has_the_engines_that_made_its_vectors_each_once_in_the_order_in_which_they_came(
    store, batch, make_batch, days_later
):
    def publish_from(batch, engine):
        vectors = replace(batch.vectors, engine=engine)
        store.begin_run(batch.record)
        store.publish_pictures(batch.run_id, batch.pictures, [vectors], [], [], "set-1", "prompts-1")
        with store.engine.connect() as connection:
            return connection.scalar(text("SELECT engines FROM models WHERE digest = 'encoder-1'"))

    assert publish_from(batch, "torch_fp32") == ["torch_fp32"]
    assert publish_from(batch, "openvino_int8") == ["torch_fp32"]  # its vectors were there already
    later = make_batch("run-2", {"/in/b.pdf": [7, 8]}, days_later(1))
    assert publish_from(later, "openvino_bf16") == ["torch_fp32", "openvino_bf16"]
    again = make_batch("run-3", {"/in/c.pdf": [9]}, days_later(2))
    assert publish_from(again, "torch_fp32") == ["torch_fp32", "openvino_bf16"]
    unknown = make_batch("run-4", {"/in/d.pdf": [10]}, days_later(3))
    assert publish_from(unknown, "") == ["torch_fp32", "openvino_bf16"]
