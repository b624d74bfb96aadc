"""Groups of labelled pictures, and folds that keep them whole."""

from datetime import UTC, datetime

import numpy as np
import pytest

from medsift.contracts import Occurrence, Picture, SourceOutcome
from medsift.steps.labelled import (
    Labelled,
    group_numbers,
    joining,
    labelled,
    labelled_in_store,
    shared,
    source_of,
    standing_of,
)
from medsift.steps.vectors import Vectors
from medsift.store import EncodedVectors, LabelRow, RunRecord
from medsift.voters import Evidence


def of_groups(groups, is_medical):
    names = [f"p{number}" for number in range(len(groups))]
    evidence = Evidence(names, {"one": np.zeros((len(groups), 2), np.float32)}, [""] * len(groups), [{}] * len(groups))
    return Labelled(
        evidence, np.array(is_medical, bool), np.array(groups, np.intp), [()] * len(groups), [""] * len(groups)
    )


def test_pictures_that_share_something_through_others_are_one_group():
    links = [("a", "x.pdf"), ("b", "x.pdf"), ("b", "study 1"), ("c", "study 1"), ("d", "y.pdf"), ("stranger", "y.pdf")]
    a, b, c, d, e = group_numbers(["a", "b", "c", "d", "e"], links)
    assert a == b == c
    assert len({a, d, e}) == 3


def test_nothing_shared_and_no_picture_are_borne():
    assert len(set(group_numbers(["a", "b"], []))) == 2
    assert len(group_numbers([], [])) == 0


@pytest.mark.parametrize(
    ("source", "kind", "called"),
    [
        ("/in/scans/1.dcm", "dicom", "/in/scans"),
        ("/in/scans/1.png", "folder", "/in/scans"),
        ("dicom:0123456789abcdef", "dicom", "."),
        ("/in/paper.pdf", "pdf", "/in/paper.pdf"),
        ("https://example.org/atlas", "web", "https://example.org/atlas"),
    ],
)
def test_files_of_a_folder_are_one_source(source, kind, called):
    assert source_of(source, kind) == called


def test_no_group_is_on_both_sides_of_a_fold_and_every_picture_is_held_back_once():
    groups = np.repeat(np.arange(10), 7)
    data = of_groups(groups, groups % 2 == 0)
    folds = list(data.folds(4))
    assert len(folds) == 4
    for fitted, held_back in folds:
        assert not set(groups[fitted]) & set(groups[held_back])
    assert sorted(np.concatenate([held_back for _, held_back in folds])) == list(range(70))


def test_a_side_of_a_single_group_gives_no_folds():
    assert list(of_groups([0, 0, 1, 2, 3], [True, True, False, False, False]).folds(4)) == []


def test_pictures_without_vectors_or_with_vectors_that_hold_no_numbers_are_left_out():
    rows = np.array([[1, 0], [np.nan, 0], [0, 1]], np.float32)
    vectors = {"one": Vectors({"a": 0, "b": 1, "c": 2}, rows)}
    told = {"c": (True, "CT"), "b": (True, ""), "d": (False, ""), "a": (False, "")}
    data = labelled(told, vectors, {}, [])
    assert data.sha256s == ["c", "a"]
    assert data.is_medical.tolist() == [True, False]
    assert data.evidence.vectors["one"].tolist() == [[0, 1], [1, 0]]


def test_pictures_of_a_patient_are_one_group_whatever_the_study():
    patient = {"PatientGroup": "p"}
    places = [
        Occurrence("/in/a/1.dcm", "dicom", 1, "kept", sha256="one", tags={"StudyGroup": "s", **patient}),
        Occurrence("/in/b/2.dcm", "dicom", 1, "kept", sha256="two", tags={"StudyGroup": "t", **patient}),
        Occurrence("/in/b/3.dcm", "dicom", 1, "kept", sha256="three", tags={"StudyGroup": "u"}),
    ]
    first, second, other = group_numbers(["one", "two", "three"], joining(*shared(map(standing_of, places)), []))
    assert first == second != other


def test_pictures_of_a_study_are_one_group_and_those_of_its_folder_are_not():
    places = [
        Occurrence(f"/in/scans/{number}.dcm", "dicom", 1, "kept", sha256=f"p{number}", tags={"StudyGroup": study})
        for number, study in enumerate(("one", "one", "two"))
    ]
    first, second, other = group_numbers(["p0", "p1", "p2"], joining(*shared(map(standing_of, places)), []))
    assert first == second != other


def test_a_logo_of_many_documents_makes_no_single_group_of_them():
    sources = [(f"p{number}", f"{number}.pdf") for number in range(6)] + [("logo", f"{n}.pdf") for n in range(6)]
    groups = group_numbers([*(f"p{number}" for number in range(6)), "logo"], joining([], sources, []))
    assert len(set(groups)) == 7


def test_near_duplicates_of_a_logo_make_no_single_group_either_and_are_one_group_themselves():
    sources = [(name, f"{name}-{n}.pdf") for name in ("small", "large") for n in range(2)]
    sources += [("figure", "small-0.pdf"), ("plot", "large-0.pdf")]
    links = joining([], sources, [("small", "small"), ("large", "small")])
    small, large, figure, plot = group_numbers(["small", "large", "figure", "plot"], links)
    assert small == large
    assert len({small, figure, plot}) == 3


def test_a_picture_in_two_documents_makes_one_group_of_them_as_one_is_then_likely_a_copy():
    sources = [("a", "x.pdf"), ("both", "x.pdf"), ("both", "y.pdf"), ("b", "y.pdf")]
    assert len(set(group_numbers(["a", "both", "b"], joining([], sources, [])))) == 1


def test_copies_of_a_folder_are_one_group_however_many_there_are():
    sources = [(name, f"/in/{copy}") for name in ("a", "b", "c") for copy in range(4)]
    assert len(set(group_numbers(["a", "b", "c"], joining([], sources, [])))) == 1


def test_a_person_stays_one_group_in_however_many_folders_the_pictures_lie():
    persons = [(name, "patient p") for name in ("a", "b")]
    sources = [("a", f"/in/{folder}") for folder in range(5)] + [("b", "/in/0")]
    assert len(set(group_numbers(["a", "b"], joining(persons, sources, [])))) == 1


@pytest.mark.postgres
def test_of_a_picture_its_newest_label_counts_and_unsure_teaches_nothing(store):
    one, two, three = names = [f"{number:064x}" for number in range(3)]
    store.begin_run(RunRecord("r", datetime(2026, 3, 1, tzinfo=UTC), "lite", "m", "p"))
    pictures = [Picture(name, 96, 96, "png", name, 1, name[:16]) for name in names]
    vectors = EncodedVectors("words", "encoder-1", names, np.eye(3, dtype=np.float32))
    store.publish_pictures("r", pictures, [vectors], [], [], "m", "p")
    places = [Occurrence("/in/a.pdf", "pdf", number, "kept", sha256=name) for number, name in enumerate(names)]
    store.publish_sources("r", [SourceOutcome("/in/a.pdf", "pdf", "done", found=3)], places, "e")
    store.add_labels([LabelRow(one, "medical", "a"), LabelRow(two, "medical", "a"), LabelRow(three, "medical", "a")])
    store.add_labels([LabelRow(two, "non-medical", "b"), LabelRow(three, "unsure", "b")])
    data = labelled_in_store(store, {"words": "encoder-1"})
    assert dict(zip(data.sha256s, data.is_medical, strict=True)) == {one: True, two: False}
    assert data.groups[0] == data.groups[1]
    assert len(labelled_in_store(store, {"words": "encoder-1", "cnn": "unknown"})) == 0
