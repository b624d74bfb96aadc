"""Pictures whose kind people named: which kinds they speak for, how they are kept."""

import numpy as np
import pytest

from medsift.modelsets import examples
from medsift.modelsets.examples import PULL, examples_of, read_examples, write_examples

ALIKE_FROM = 0.5
AXES = np.eye(4, dtype=np.float32)
IS_MEDICAL = np.array([True, True, False, False])


def test_a_picture_is_pulled_to_the_kind_of_the_example_it_is_like_and_to_no_other():
    found = examples_of("words", AXES, ["slit-lamp", "ct", "photo", ""], IS_MEDICAL)
    pulls = found.pulls(AXES, ALIKE_FROM)
    kinds = [found.kinds[number] for number in pulls[:3].argmax(axis=1)]
    assert kinds == [("slit-lamp", True), ("ct", True), ("photo", False)]
    assert pulls[:3].max() == pytest.approx(PULL * (1 - ALIKE_FROM))
    assert (np.count_nonzero(pulls, axis=1) == [1, 1, 1, 0]).all()


def test_the_nearest_example_of_a_kind_counts_from_the_cosine_of_what_is_alike_on():
    found = examples_of("words", AXES[:2], ["ct", "ct"], IS_MEDICAL[:2])
    beside = np.array([[0.6, 0.8, 0, 0], [0.3, 0.4, 0, np.sqrt(0.75)]], np.float32)
    assert found.pulls(beside, ALIKE_FROM)[:, 0] == pytest.approx([PULL * 0.3, 0.0])


def test_kinds_of_one_name_on_both_sides_are_two():
    found = examples_of("words", AXES[1:3], ["micrograph", "micrograph"], IS_MEDICAL[1:3])
    assert set(found.kinds) == {("micrograph", True), ("micrograph", False)}


def test_labels_without_kinds_give_none():
    assert examples_of("words", AXES, ["", "", "", ""], IS_MEDICAL) is None


def test_they_survive_the_file_and_hold_no_code(tmp_path):
    found = examples_of("words", AXES, ["slit-lamp", "ct", "", "photo"], IS_MEDICAL)
    write_examples(tmp_path / "examples.safetensors", found)
    again = read_examples(tmp_path / "examples.safetensors")
    assert (again.encoder, again.kinds) == (found.encoder, found.kinds)
    assert np.array_equal(again.pulls(AXES, ALIKE_FROM), found.pulls(AXES, ALIKE_FROM))


def test_the_same_examples_are_the_same_bytes(tmp_path):
    found = examples_of("words", AXES, ["slit-lamp", "ct", "", "photo"], IS_MEDICAL)
    files = [tmp_path / f"{number}" for number in range(20)]
    for file in files:
        write_examples(file, found)
    assert len({file.read_bytes() for file in files}) == 1


def test_of_too_many_some_are_kept_by_lot_and_none_of_a_rare_kind_is_lost(monkeypatch):
    monkeypatch.setattr(examples, "MOST_EXAMPLES", 10)
    kinds = [*(["ct"] * 35), "slit-lamp", *(["photo"] * 4)]
    found = examples_of("words", np.tile(AXES, (10, 1)), kinds, np.array([*([True] * 36), *([False] * 4)]))
    assert len(found.vectors) == 10
    counts = dict(zip(found.kinds, np.bincount(found.kind_of), strict=True))
    assert counts == {("ct", True): 5, ("slit-lamp", True): 1, ("photo", False): 4}
