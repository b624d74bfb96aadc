import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, make_url, text
from sqlalchemy.exc import IntegrityError

from medsift import contracts
from medsift.errors import StoreError
from medsift.store import Store, migrate
from medsift.store import tables as t
from medsift.store.connection import engine_of
from medsift.store.schema import has_vector_search, is_same_type, migrate_back

pytestmark = pytest.mark.postgres
MIRRORED = {contracts.Picture: t.Picture, contracts.Vote: t.Vote, contracts.Verdict: t.Verdict}


def _tables(url):
    engine = engine_of(url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def _make_without_pgvector(urls):
    """Migrated on a server where nobody installed the extension: it is not even among the available ones."""
    migrate_back(urls.owner)
    _as_superuser(urls, "DROP EXTENSION vector")
    _as_superuser(urls, f"ALTER DATABASE {make_url(urls.admin).database} SET extension_control_path = '/nowhere'")
    migrate(urls.owner)


def _install_pgvector(urls):
    _as_superuser(urls, f"ALTER DATABASE {make_url(urls.admin).database} RESET extension_control_path")
    _as_superuser(urls, "CREATE EXTENSION vector")


def _is_migrated(_object, name, _kind, _reflected, _model):
    """Search indexes are built by runs."""
    return not str(name).startswith("embeddings_search_")


def _as_superuser(urls, command):
    engine = engine_of(urls.admin)
    with engine.begin() as connection:
        connection.execute(text(command))
    engine.dispose()


def test_the_migrated_database_equals_the_models(database):
    engine = engine_of(database.owner)
    with engine.connect() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Did not recognize type 'vector'")
        options = {"compare_type": is_same_type, "compare_server_default": True, "include_object": _is_migrated}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), t.Base.metadata)
    engine.dispose()
    assert differences == []


@pytest.mark.parametrize("record", MIRRORED, ids=lambda record: record.__name__)
def test_tables_have_every_field_of_their_record(record):
    columns = set(MIRRORED[record].__table__.columns.keys())
    assert {field.name for field in fields(record)} <= columns


def test_occurrences_have_every_field_but_what_ends_with_the_run():
    columns = set(t.Occurrence.__table__.columns.keys()) | {"source", "candidate"}
    assert {field.name for field in fields(contracts.Occurrence)} <= columns


def test_migrating_back_leaves_nothing_and_forward_again_works(new_database):
    migrate_back(new_database.owner)
    assert _tables(new_database.owner) == {"alembic_version"}
    migrate(new_database.owner)
    Store.open(new_database.task).close()


def test_rows_survive_a_step_back_and_forward(new_database, batch, everything, identity):
    store = Store.open(new_database.task)
    batch.publish(store)
    before = everything(store.engine)
    store.close()
    migrate_back(new_database.owner, "0001")
    migrate(new_database.owner)
    store = Store.open(new_database.task)
    assert everything(store.engine) == before
    assert {row.sha256 for row in store.export_rows()} == {identity(word) for word in (1, 2, 3)}
    store.close()


def test_migrating_back_from_rows_works(new_database, batch):
    store = Store.open(new_database.task)
    batch.publish(store)
    store.close()
    migrate_back(new_database.owner)
    assert _tables(new_database.owner) == {"alembic_version"}


def test_two_migrations_at_once_make_one_schema(new_database):
    migrate_back(new_database.owner)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(migrate, [new_database.owner] * 2))
    Store.open(new_database.task).close()


def test_a_database_that_was_never_migrated_says_what_to_do(new_database):
    migrate_back(new_database.owner)
    with pytest.raises(StoreError, match=r"has no tables of medsift yet. Run: medsift db migrate"):
        Store.open(new_database.task)


def test_a_database_of_an_older_medsift_says_what_to_do(new_database):
    migrate_back(new_database.owner, "0001")
    with pytest.raises(StoreError, match=r"tables of an older medsift. Run: medsift db migrate"):
        Store.open(new_database.task)


def test_a_database_of_a_newer_medsift_says_so(new_database):
    engine = engine_of(new_database.owner)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreError, match=r"by a newer medsift. Update medsift"):
        Store.open(new_database.task)
    with pytest.raises(StoreError, match=r"by a newer medsift. Update medsift"):
        migrate(new_database.owner)


def test_without_pgvector_all_but_search_works(new_database, batch, identity):
    _make_without_pgvector(new_database)
    store = Store.open(new_database.task)
    batch.publish(store)
    found, values = store.vectors("encoder-1", [identity(1)])
    assert values[0].tolist() == batch.vectors.values[batch.vectors.sha256s.index(found[0])].tolist()
    assert store.build_search_index("encoder-1") is False
    with pytest.raises(StoreError, match=r"no pgvector extension. Install pgvector"):
        store.nearest("encoder-1", values[0])
    store.close()


def test_pgvector_that_comes_later_is_used_from_the_next_migration_on(new_database, batch, identity):
    _make_without_pgvector(new_database)
    store = Store.open(new_database.task)
    batch.publish(store)
    with store.engine.connect() as connection:
        assert not has_vector_search(connection)
    _install_pgvector(new_database)
    migrate(new_database.owner)
    assert store.build_search_index("encoder-1") is True
    key, values = store.vectors("encoder-1", [identity(1)])
    assert store.nearest("encoder-1", values[0], 1)[0].sha256 == key[0]
    store.close()


WRONG = {
    "a label that is none": "INSERT INTO labels (sha256, label, labelled_by) SELECT sha256, 'maybe', 'v' FROM pictures",
    "a label of nobody": "INSERT INTO labels (sha256, label, labelled_by) SELECT sha256, 'unsure', '' FROM pictures",
    "a state that is none": "UPDATE sources SET state = 'fine'",
    "a source under another id": "UPDATE sources SET source = 'other'",
    "a kept occurrence without picture": "UPDATE occurrences SET sha256 = NULL WHERE state = 'kept'",
    "a rejected occurrence with picture": "UPDATE occurrences SET state = 'rejected' WHERE state = 'kept'",
    "a page before the first": "UPDATE occurrences SET page = 0",
    "a probability above one": "UPDATE verdicts SET probability = 1.5",
    "a verdict that is none": "UPDATE verdicts SET verdict = 'unsure'",
    "an identity that is no digest": "INSERT INTO pictures SELECT 'x', 1, 1, 'png', sha256, 1, '', NULL, now(), now()"
    " FROM pictures",
    "a picture without size": "UPDATE pictures SET width = 0",
    "a picture that is its own duplicate": "UPDATE pictures SET near_duplicate_of = sha256",
    "a vector of another width": "UPDATE embeddings SET vector = '[1,2]'",
    "a run's end that is none": "UPDATE runs SET state = 'gone'",
    "two current model sets": "INSERT INTO model_sets (digest, profile, is_current)"
    " VALUES ('a', 'l', true), ('b', 'l', true)",
    "a picture removed under its places": "DELETE FROM pictures",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_database_refuses_even_its_owner(database, store, batch, wrong):
    batch.publish(store)
    engine = engine_of(database.owner)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(WRONG[wrong]))
    engine.dispose()
