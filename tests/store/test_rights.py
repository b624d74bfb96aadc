import psycopg2
import pytest
from sqlalchemy import text

from medsift.errors import StoreError, StoreLostError
from medsift.store import Store, migrate
from medsift.store.connection import engine_of, sentences

pytestmark = pytest.mark.postgres
# What was found, decided and learnt: publishing again replaces votes and occurrences, and nothing else goes.
KEPT = ["documents", "sources", "pictures", "verdicts", "embeddings", "models", "model_sets", "runs", "run_sources",
        "run_pictures", "catalogue_counts", "alembic_version"]  # fmt: skip


def in_database(url, name):
    return url.rsplit("/", 1)[0] + "/" + name


def _execute(url, command):
    engine = engine_of(url)
    try:
        with sentences(engine.url), engine.begin() as connection:
            connection.execute(text(command))
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "command",
    [
        "CREATE TABLE own (x int)",
        "DROP TABLE votes",
        "ALTER TABLE votes ADD COLUMN x int",
        "TRUNCATE votes",
        "UPDATE labels SET label = 'medical'",
        "DELETE FROM labels",
        "UPDATE alembic_version SET version_num = 'x'",
        "UPDATE catalogue_counts SET pictures = 0",
        *[f"DELETE FROM {table}" for table in KEPT],  # noqa: S608 - our tables
        "CREATE ROLE other",
        "COPY pictures TO '/tmp/pictures'",
    ],
)
def test_tasks_may_not(database, command):
    with pytest.raises(StoreError, match="The database role medsift may not do that"):
        _execute(database.task, command)


@pytest.mark.parametrize(
    "command",
    [
        "DELETE FROM pictures",
        "INSERT INTO models VALUES ('d', 'n', 1)",
        "UPDATE sources SET reason = ''",
        "CREATE TABLE own (x int)",
    ],
)
def test_the_reader_writes_nothing_even_with_its_read_only_default_off(database, command):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        _as_reader(database.reader, "SET default_transaction_read_only = off", command)
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        _as_reader(database.reader, command)


def test_a_right_that_an_earlier_version_gave_is_taken_back_by_a_migration(database):
    _execute(database.owner, "GRANT DELETE ON verdicts TO medsift")
    migrate(database.owner)
    with pytest.raises(StoreError, match="may not do that"):
        _execute(database.task, "DELETE FROM verdicts")


def _as_reader(url, *commands):
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for command in commands:
                cursor.execute(command)
    finally:
        connection.close()


def test_the_reader_reads_every_table_through_a_store(database, store, batch):
    batch.publish(store)
    reader = Store.open(database.reader)
    assert len(list(reader.export_rows())) == 3
    reader.close()


def test_airflows_role_cannot_enter_our_database_nor_ours_airflows(database):
    with pytest.raises(StoreError, match="permission denied for database"):
        _execute(in_database(database.airflow, "medsift"), "SELECT 1")
    with pytest.raises(StoreError, match="permission denied for database"):
        _execute(in_database(database.task, "airflow"), "SELECT 1")


def test_a_server_that_is_not_there_is_named_without_the_password():
    with pytest.raises(StoreLostError) as caught:
        Store.open("postgresql+psycopg2://medsift:hidden-word@127.0.0.1:1/medsift")
    assert str(caught.value).startswith("Postgres at 127.0.0.1:1/medsift does not answer: Connection refused")
    assert "hidden-word" not in str(caught.value)


def test_a_server_whose_disk_is_full_is_worth_another_try(database):
    full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    with pytest.raises(StoreLostError, match=r"^Postgres at \S+ has no room left on its disk\. Free some room"):
        _execute(database.task, full)


def test_a_wrong_password_is_not_worth_another_try(database):
    wrong = database.task.replace("//medsift:", "//medsift:not-")
    with pytest.raises(StoreError, match="password authentication failed") as caught:
        Store.open(wrong)
    assert not isinstance(caught.value, StoreLostError)


def test_a_database_that_is_not_there_is_named(database):
    with pytest.raises(StoreError, match='database "nowhere" does not exist'):
        Store.open(in_database(database.task, "nowhere"))


@pytest.mark.parametrize("prefix", ["postgresql://", "postgresql+psycopg://"])
def test_every_spelling_of_the_address_means_psycopg2(database, prefix):
    store = Store.open(prefix + database.task.partition("://")[2])
    assert store.engine.dialect.driver == "psycopg2"
    store.close()
