import pytest

pytestmark = pytest.mark.postgres


def test_pictures_count_as_lacking_until_they_have_vectors_of_all_encoders(store, batch):
    batch.publish(store)
    pictures = len(batch.vectors.sha256s)
    assert store.count_lacking(["encoder-1"]) == (0, pictures)
    assert store.count_lacking(["encoder-1", "encoder-9"]) == (pictures, pictures)
