"""Whose word counts when several voters name a kind."""

from medsift.contracts import Vote
from medsift.strategies import Tally


def kinds(*votes: Vote):
    return Tally.of(["a"], votes).kinds[0]


def test_tag_that_names_one_kind_beats_a_comparison_of_prompts_whatever_the_order():
    tag = Vote("a", "dicom", 0.995, "ct")
    prompts = Vote("a", "zero_shot", 0.999, "pathology", kind_otherwise="texture")
    assert kinds(tag, prompts) == kinds(prompts, tag) == ("ct", "texture")


def test_prompts_alone_name_a_kind_for_either_verdict():
    assert kinds(Vote("a", "zero_shot", 0.2, "photo", kind_otherwise="mri")) == ("mri", "photo")


def test_what_was_trained_on_kinds_beats_a_comparison_of_prompts_and_yields_to_a_tag():
    learnt = Vote("a", "kinds", 0.9, "ct", kind_otherwise="plot")
    prompts = Vote("a", "zero_shot", 0.999, "pathology", kind_otherwise="texture")
    assert kinds(learnt, prompts) == kinds(prompts, learnt) == ("ct", "plot")
    assert kinds(Vote("a", "dicom", 0.995, "mri"), learnt, prompts) == ("mri", "plot")


def test_those_alike_know_kinds_better_than_its_own_look_and_yield_to_a_tag():
    learnt = Vote("a", "kinds", 0.9, "ct", kind_otherwise="plot")
    alike = Vote("a", "neighbours", 0.9, "mri", kind_otherwise="photo")
    assert kinds(learnt, alike) == kinds(alike, learnt) == ("mri", "photo")
    assert kinds(alike, Vote("a", "dicom", 0.995, "xray"), learnt) == ("xray", "photo")


def test_voters_that_name_no_kind_leave_none():
    assert kinds(Vote("a", "clusters", 0.9)) == (None, None)
