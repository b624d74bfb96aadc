"""Logistic regression on labels: what it finds, how it is kept."""

import numpy as np
import pytest

from medsift.modelsets.learned import fit_learned, read_learned, write_learned


def labelled(count, medical_share=0.5):
    """Two encoders' unit vectors, of which only the second tells the sides apart."""
    draw = np.random.default_rng(4)
    is_medical = draw.random(count) < medical_share
    vectors = {"one": draw.normal(size=(count, 8)), "two": draw.normal(size=(count, 16))}
    vectors["two"][:, 0] += np.where(is_medical, 3, -3)
    units = {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in vectors.items()}
    return {name: rows.astype(np.float32) for name, rows in units.items()}, is_medical


def fitted(vectors, is_medical, groups=None):
    groups = np.arange(len(is_medical)) % 4 if groups is None else groups
    return fit_learned(vectors, is_medical, groups, "two")


def test_it_learns_the_direction_that_tells_the_sides_apart():
    vectors, is_medical = labelled(200)
    learned = fitted({name: rows[:100] for name, rows in vectors.items()}, is_medical[:100])
    said = learned.log_odds({name: rows[100:] for name, rows in vectors.items()}) > 0
    assert (said == is_medical[100:]).mean() > 0.95
    assert np.abs(learned.weights["two"]).argmax() == 0
    assert learned.labels == 100


def test_the_side_with_fewer_labels_weighs_as_much():
    vectors, is_medical = labelled(400, medical_share=0.1)
    said = fitted(vectors, is_medical).log_odds(vectors) > 0
    assert said[is_medical].mean() > 0.9


def test_labels_of_one_side_are_refused():
    vectors, _ = labelled(10)
    with pytest.raises(ValueError, match="class"):
        fitted(vectors, np.ones(10, bool))


def test_it_survives_the_file_and_holds_no_code(tmp_path):
    vectors, is_medical = labelled(60)
    learned = fitted(vectors, is_medical)
    write_learned(tmp_path / "learned.safetensors", learned)
    again = read_learned(tmp_path / "learned.safetensors")
    assert np.array_equal(again.log_odds(vectors), learned.log_odds(vectors))
    assert again.labels == 60
    assert (again.space, again.reach) == ("two", learned.reach)
    assert np.array_equal(again.known, learned.known)


def test_it_knows_what_is_like_the_labelled_pictures_and_what_is_not():
    vectors, is_medical = labelled(200)
    learned = fitted({name: rows[:100] for name, rows in vectors.items()}, is_medical[:100])
    assert learned.is_like_labelled({name: rows[100:] for name, rows in vectors.items()}).mean() > 0.9
    one_sided = fitted({name: rows[is_medical] for name, rows in vectors.items()}, np.arange(is_medical.sum()) % 2 > 0)
    away = {"one": vectors["one"][:3], "two": np.tile(-np.eye(16)[0], (3, 1)).astype(np.float32)}
    assert not one_sided.is_like_labelled(away).any()


def test_labels_of_one_group_speak_of_everything():
    vectors, is_medical = labelled(40)
    assert fitted(vectors, is_medical, np.zeros(40, int)).is_like_labelled(vectors).all()
