"""The server is killed while runs publish; afterwards the rows are those of an undisturbed run."""

import os
import signal
import threading
import time

import pytest

from medsift.errors import StoreLostError
from medsift.store import Store
from medsift.store.roles import autocommit, data_directory

pytestmark = pytest.mark.postgres
SOURCES = {f"/in/{number}.pdf": range(number, number + 40) for number in range(0, 2000, 20)}


def _publish_in_parts(run, store, make_batch, stop_after=None):
    """As the step does: shards of pictures, then chunks of sources."""
    names = list(run.sources)
    store.begin_run(run.record)
    parts = [
        make_batch(run.run_id, {name: run.sources[name] for name in names[start : start + 10]}, run.began)
        for start in range(0, len(names), 10)
    ]
    for part in parts:
        part.publish_pictures(store)
    for part in parts:
        store.publish_sources(part.run_id, part.outcomes, part.occurrences, part.extraction)
    store.finish_run(run.run_id, "done", {"found": len(run.occurrences)})


def _kill(database):
    with autocommit(database.admin) as cursor:
        folder = data_directory(cursor.connection)
    os.kill(int((folder / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)


def test_a_server_killed_while_publishing_ends_with_the_same_rows(postgres, database, store, make_batch, everything):
    run = make_batch(sources=SOURCES)
    failures = []

    def publish():
        try:
            _publish_in_parts(run, store, make_batch)
        except StoreLostError as error:
            failures.append(error)

    publisher = threading.Thread(target=publish)
    publisher.start()
    with autocommit(database.admin) as cursor:
        while publisher.is_alive():  # until some shards are in, others are not
            cursor.execute("SELECT count(*) FROM pictures")
            if cursor.fetchone()[0] > 400:
                break
            time.sleep(0.01)
    _kill(database)
    publisher.join(60)
    assert len(failures) == 1
    assert "does not answer" in str(failures[0])

    postgres.ensure_running()
    _publish_in_parts(run, store, make_batch)
    interrupted = everything(store.engine)
    assert len(interrupted["pictures"]) == len(run.words)
    _publish_in_parts(run, store, make_batch)
    assert everything(store.engine) == interrupted


def test_two_runs_publishing_at_once_give_the_rows_of_one_after_the_other(database, make_batch, everything, days_later):
    runs = [
        make_batch("run-1", dict(list(SOURCES.items())[:60])),
        make_batch("run-2", dict(list(SOURCES.items())[40:]), days_later(1), probability=0.7),
    ]
    failures = []

    def publish(run):
        store = Store.open(database.task)
        try:
            names = list(run.sources)
            for start in range(0, len(names), 6):
                some = {name: run.sources[name] for name in names[start : start + 6]}
                make_batch(run.run_id, some, run.began, probability=run.probability).publish(store)
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            store.close()

    threads = [threading.Thread(target=publish, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = Store.open(database.task)
    at_once = everything(store.engine)
    for run in runs:
        publish(run)
    assert everything(store.engine) == at_once
    store.close()
