"""What a fit from labels asks of the store."""

import pytest
from sqlalchemy import text

from medsift.store import Origin

pytestmark = pytest.mark.postgres


def test_a_picture_has_an_origin_for_each_source_it_stands_in(store, batch, identity):
    batch.publish(store)
    found = {(origin.source, origin.sha256) for origin in store.origins([identity(1), identity(2)])}
    assert found == {("/in/a.pdf", identity(1)), ("/in/a.pdf", identity(2)), ("/in/b.pdf", identity(2))}


def test_a_study_is_known_by_its_hash(store, batch, identity):
    batch.publish(store)
    with store.engine.begin() as connection:
        connection.execute(text("""UPDATE occurrences SET tags = '{"StudyGroup": "h1"}' WHERE ordinal = 0"""))
    assert Origin(identity(1), "/in/a.pdf", "pdf", "h1") in store.origins([identity(1)])


def test_near_duplicates_of_near_duplicates_are_one_family(store, batch, identity):
    batch.publish(store)
    with store.engine.begin() as connection:
        link = text("UPDATE pictures SET near_duplicate_of = :first WHERE sha256 = :sha256")
        for sha256, first in ((1, 2), (2, 3)):
            connection.execute(link, {"sha256": identity(sha256), "first": identity(first)})
    assert set(store.families(map(identity, (1, 2, 3)))) == {(identity(word), identity(3)) for word in (1, 2, 3)}


def test_words_of_all_places_stand_around_a_picture(store, batch, identity):
    batch.publish(store)
    around = store.surroundings([identity(2)])[identity(2)]
    assert around.words.count("Figure 2") == 2
    assert around.tags == {"Modality": "CT"}


def test_only_pictures_that_all_encoders_have_seen_are_embedded(store, batch, identity):
    batch.publish(store)
    assert store.embedded(["encoder-1"], 10) == sorted(map(identity, (1, 2, 3)))
    assert len(store.embedded(["encoder-1"], 2)) == 2
    assert store.embedded(["encoder-1", "encoder-2"], 10) == []
