"""What a fit from labels asks of the store."""

import pytest
from sqlalchemy import text

pytestmark = pytest.mark.postgres


def test_all_places_of_a_picture_are_told_with_what_stands_there(store, batch, identity):
    batch.publish(store)
    stored = [place for place in store.occurrences_of(["/in/a.pdf", "/in/b.pdf"]) if place.sha256 == identity(2)]
    assert len(stored) == 2
    assert store.places_of([identity(2)]) == stored


def test_near_duplicates_of_near_duplicates_are_one_family(store, batch, identity):
    batch.publish(store)
    with store.engine.begin() as connection:
        link = text("UPDATE pictures SET near_duplicate_of = :first WHERE sha256 = :sha256")
        for sha256, first in ((1, 2), (2, 3)):
            connection.execute(link, {"sha256": identity(sha256), "first": identity(first)})
    assert set(store.families(map(identity, (1, 2, 3)))) == {(identity(word), identity(3)) for word in (1, 2, 3)}


def test_only_pictures_that_all_encoders_have_seen_are_embedded(store, batch, identity):
    batch.publish(store)
    assert store.embedded(["encoder-1"], 10) == sorted(map(identity, (1, 2, 3)))
    assert len(store.embedded(["encoder-1"], 2)) == 2
    assert store.embedded(["encoder-1", "encoder-2"], 10) == []
