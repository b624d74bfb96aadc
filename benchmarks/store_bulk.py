"""How fast rows and vectors reach Postgres by COPY, against inserts by executemany.

Usage: python benchmarks/store_bulk.py [--rows 100000] [--vectors 4096] [--width 1280]
It starts a PostgreSQL of its own in a temporary folder and removes it afterwards.
"""

import argparse
import hashlib
import time
from collections.abc import Callable
from dataclasses import astuple
from datetime import UTC, datetime

import numpy as np
from own_postgres import new_store
from sqlalchemy import text

from medsift.contracts import Picture
from medsift.store import EncodedVectors, RunRecord, Store
from medsift.store.bulk import cursor_of
from medsift.store.publish import PICTURE_COLUMNS

RUN = RunRecord("benchmark", datetime(2026, 1, 1, tzinfo=UTC), "lite", "set", "prompts")


def main() -> None:
    """Measure and print one line a way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--vectors", type=int, default=4096)
    parser.add_argument("--width", type=int, default=1280)
    wanted = parser.parse_args()
    with new_store() as (store, _):
        store.begin_run(RUN)
        compare_rows(store, wanted.rows)
        compare_vectors(store, wanted.vectors, wanted.width)


def compare_rows(store: Store, count: int) -> None:
    """Pictures: the store's way in shards of 4096, and plain inserts of the same rows."""

    def by_copy() -> None:
        rows = made_pictures("copy", count)
        for start in range(0, count, 4096):
            store.publish_pictures(RUN.id, rows[start : start + 4096], [], [], [], RUN.model_set, RUN.prompt_set)

    def by_inserts() -> None:
        marks = ", ".join(["%s"] * (len(PICTURE_COLUMNS) + 2))
        insert = f"INSERT INTO pictures ({', '.join(PICTURE_COLUMNS)}, first_seen, last_seen) VALUES ({marks})"  # noqa: S608
        values = [(*astuple(row), RUN.started_at, RUN.started_at) for row in made_pictures("insert", count)]
        with store.engine.begin() as connection:
            cursor_of(connection).executemany(insert, values)

    report("pictures", count, by_copy, by_inserts)


def compare_vectors(store: Store, count: int, width: int) -> None:
    """Vectors: binary COPY, and plain inserts of the same rows."""
    values = np.random.default_rng(42).normal(size=(count, width)).astype(np.float32)
    keys = [row.sha256 for row in made_pictures("copy", count)]
    store.publish_pictures(RUN.id, made_pictures("copy", count), [], [], [], RUN.model_set, RUN.prompt_set)

    def by_copy() -> None:
        encoded = EncodedVectors("copy", "copy", keys, values)
        store.publish_pictures(RUN.id, [], [encoded], [], [], RUN.model_set, RUN.prompt_set)

    def by_inserts() -> None:
        rows = [("insert", key, width, row.tolist()) for key, row in zip(keys, values, strict=True)]
        with store.engine.begin() as connection:
            connection.execute(text(f"INSERT INTO models (digest, name, width) VALUES ('insert', 'insert', {width})"))  # noqa: S608
            cursor_of(connection).executemany("INSERT INTO embeddings VALUES (%s, %s, %s, %s)", rows)

    report(f"vectors of {width}", count, by_copy, by_inserts)
    started = time.perf_counter()
    store.vectors("copy", keys)
    print(f"vectors of {width}: read {count / (time.perf_counter() - started):,.0f} a second")


def report(what: str, count: int, by_copy: Callable[[], None], by_inserts: Callable[[], None]) -> None:
    """Run both ways and print rates and their ratio."""
    rates = []
    for way in (by_copy, by_inserts):
        started = time.perf_counter()
        way()
        rates.append(count / (time.perf_counter() - started))
    print(f"{what}: COPY {rates[0]:,.0f} a second, executemany {rates[1]:,.0f}, ratio {rates[0] / rates[1]:.1f}")


def made_pictures(name: str, count: int) -> list[Picture]:
    """Pictures with identities made from a name and a number."""
    keys = [hashlib.sha256(f"{name} {number}".encode()).hexdigest() for number in range(count)]
    return [Picture(key, 640, 480, "png", key, 1000, key[:16]) for key in keys]


if __name__ == "__main__":
    main()
