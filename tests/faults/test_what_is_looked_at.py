"""What the fault tests compare: a row too many, a lock and a file left behind must not escape them."""

from pathlib import Path

import psycopg2
import pytest

from medsift.store.roles import autocommit
from medsift.topology.postgres import Urls
from medsift.volume import Volume
from tests.faults.digests import digest_of_files, digests, emptied_of_files, locks_held
from tests.faults.hurt_stack import left_behind
from tests.waiting import wait_until

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
ADD = "INSERT INTO models (digest, name, width) SELECT 'd' || n, 'n', 1 FROM generate_series(%s, %s) AS n"


@pytest.mark.postgres
def test_every_table_has_a_digest(database: Urls) -> None:
    with autocommit(database.admin) as cursor:
        cursor.execute(TABLES)
        tables = {name for (name,) in cursor.fetchall()}
    assert set(digests(database.admin)) == tables


@pytest.mark.postgres
def test_a_row_that_is_lost_doubled_or_changed_changes_the_digest_of_its_table_alone(database: Urls) -> None:
    with autocommit(database.admin) as cursor:
        cursor.execute(ADD, (1, 3))
        whole = digests(database.admin)
        for change, back in (
            ("DELETE FROM models WHERE digest = 'd3'", (ADD, (3, 3))),
            (
                "INSERT INTO models (digest, name, width) VALUES ('d4', 'n', 1)",
                ("DELETE FROM models WHERE digest = 'd4'",),
            ),
            ("UPDATE models SET name = 'm' WHERE digest = 'd2'", ("UPDATE models SET name = 'n'",)),
        ):
            cursor.execute(change)
            now = digests(database.admin)
            assert [name for name in whole if whole[name] != now[name]] == ["models"]
            cursor.execute(*back)
            assert digests(database.admin) == whole


@pytest.mark.postgres
@pytest.mark.parametrize("held", ["SELECT pg_advisory_lock(7)", "LOCK TABLE sources IN SHARE MODE"])
def test_a_lock_that_is_held_is_seen_until_it_is_let_go(database: Urls, held: str) -> None:
    assert locks_held(database.admin) == 0
    holder = psycopg2.connect(database.task.replace("+psycopg2", ""))
    with holder.cursor() as cursor:
        cursor.execute(held)
        assert locks_held(database.admin) > 0
    holder.close()
    assert wait_until(lambda: locks_held(database.admin) == 0, 10)


@pytest.mark.parametrize(
    "name", ["pictures/ab/.x.part", "runs/r/extract/b.0a.parts/k.done", "runs/r/extract/b.0a.finished/k"]
)
def test_a_half_written_file_and_a_journal_are_seen(tmp_path: Path, name: str) -> None:
    volume = Volume(tmp_path)
    assert left_behind(volume) == []
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()
    assert left_behind(volume) != []


def test_a_file_too_many_too_few_or_cut_changes_the_digest_of_files(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    nothing = digest_of_files(volume.root)
    seen = {nothing}
    for target, data in (
        (volume.picture("ab", "png"), b"whole"),
        (volume.thumbnail("ab"), b""),
        (volume.document("c", "pdf"), b"d"),
    ):
        volume.put(target, data)
        seen.add(digest_of_files(volume.root))
    volume.picture("ab", "png").write_bytes(b"who")
    seen.add(digest_of_files(volume.root))
    assert len(seen) == 5
    emptied_of_files(volume.root)
    assert digest_of_files(volume.root) == nothing
