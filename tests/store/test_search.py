import numpy as np
import pytest
from sqlalchemy import text

from medsift.errors import StoreError
from medsift.store import Store

pytestmark = pytest.mark.postgres


def test_a_tasks_role_builds_the_index_and_the_search_uses_it(new_database, make_batch):
    store = Store.open(new_database.task)
    run = make_batch(sources={"/in/a.pdf": range(1, 400)})
    run.publish(store)
    assert store.build_search_index("encoder-1") is True
    assert store.build_search_index("encoder-1") is True
    with store.engine.connect() as connection:
        connection.execute(text("SET enable_sort = off"))
        plan = "\n".join(
            connection.scalars(
                text(
                    "EXPLAIN SELECT sha256 FROM embeddings WHERE encoder_digest = 'encoder-1' ORDER BY"
                    r" vector\:\:halfvec(8) <=> CAST('[1,0,0,0,0,0,0,0]' AS halfvec(8)) LIMIT 5"
                )
            )
        )
    assert "embeddings_search_" in plan
    wanted = run.vectors.values[7]
    similar = run.vectors.values @ wanted
    best = [run.vectors.sha256s[number] for number in np.argsort(-similar)[:5]]
    found = store.nearest("encoder-1", wanted, 5)
    assert found[0].sha256 == best[0]
    assert found[0].similarity == pytest.approx(1.0, abs=1e-3)
    assert len({row.sha256 for row in found} & set(best)) >= 4
    store.close()


def has_index(store, encoder_digest):
    with store.engine.connect() as connection:
        query = "SELECT count(*) FROM pg_indexes WHERE tablename = 'embeddings' AND indexdef LIKE :digest"
        return connection.scalar(text(query), {"digest": f"%'{encoder_digest}'%"}) == 1


def test_an_index_steps_aside_for_many_vectors_and_stays_for_few(new_database, make_batch):
    store = Store.open(new_database.task)
    make_batch(sources={"/in/a.pdf": range(1, 101)}).publish(store)
    store.build_search_index("encoder-1")
    make_batch(run_id="few", sources={"/in/b.pdf": range(101, 121)}).publish(store)
    assert has_index(store, "encoder-1")
    many = make_batch(run_id="many", sources={"/in/c.pdf": range(121, 221)})
    many.publish(store)
    assert not has_index(store, "encoder-1")
    assert store.nearest("encoder-1", many.vectors.values[0], 1)[0].sha256 == many.vectors.sha256s[0]
    store.build_search_index("encoder-1")
    assert has_index(store, "encoder-1")
    store.close()


def test_a_vector_of_the_wrong_width_is_a_fault(store, batch):
    batch.publish(store)
    with pytest.raises(ValueError, match="shape"):
        store.nearest("encoder-1", np.zeros(3, np.float32))


def test_an_encoder_without_vectors_is_named(store):
    assert store.build_search_index("encoder-1") is False
    with pytest.raises(StoreError, match="No vectors of the encoder encoder-1"):
        store.nearest("encoder-1", np.zeros(3, np.float32))
