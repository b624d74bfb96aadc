"""The voter that reads the modality of DICOM files."""

import numpy as np
import pytest

from medsift.voters import Evidence, Prompted
from medsift.voters.dicom import DicomTag

NO_PROMPTS = Prompted("words", 1.0, np.zeros((0, 1), np.float32), [], [])


def vote_on(**tags: str):
    evidence = Evidence(["a"], {"words": np.zeros((1, 1), np.float32)}, [""], [tags])
    (vote,) = DicomTag().vote(evidence, NO_PROMPTS, None)
    return vote


@pytest.mark.parametrize(("modality", "kind"), [("CT", "ct"), ("MR", "mri"), ("US", "ultrasound"), ("NM", "nuclear")])
def test_picture_of_a_device_is_medical_and_of_its_kind(modality: str, kind: str):
    vote = vote_on(Modality=modality)
    assert vote.probability == pytest.approx(0.995)
    assert vote.kind == kind


@pytest.mark.parametrize("modality", ["SC", "OT", "SR", "DOC", "RTPLAN"])
def test_captures_documents_and_plans_say_nothing(modality: str):
    vote = vote_on(Modality=modality)
    assert vote.probability is None
    assert modality in vote.reason


def test_picture_without_a_tag_is_abstained_from():
    assert vote_on().probability is None
