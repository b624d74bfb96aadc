import numpy as np
import pytest

from medsift.voters import Evidence, Prompted
from medsift.voters.caption import CaptionVoter, terms_of

PROMPTED = Prompted("words", 1.0, np.zeros((0, 1), np.float32), [], [])


def vote_on(caption):
    evidence = Evidence(["a"], {"words": np.zeros((1, 1), np.float32)}, [caption], [{}])
    (vote,) = CaptionVoter().vote(evidence, PROMPTED, None)
    return vote


@pytest.mark.parametrize(
    "caption",
    [
        "Figure 3. Axial contrast-enhanced CT of the abdomen with a cyst in the left kidney (arrow).",
        "Fig. 1 | Frontal chest radiograph showing bilateral infiltrates",
        "Supplementary Figure S2: H&E stained section of a lymph node, magnification x200",
        "Fundus photograph of the right eye",
        "(A) Sagittal T2-weighted MRI. (B) Same slice after treatment.",
    ],
)
def test_captions_of_medical_pictures_speak_for_medical(caption):
    assert vote_on(caption).probability > 0.6


@pytest.mark.parametrize(
    "caption",
    [
        "Figure 3. ROC curves of the models for nodule detection in CT.",
        "Fig. 2. Flow chart of patient selection",
        "Box plot of the Dice coefficient on brain MRI for each method",
        "Screenshot of the viewer software",
        "Overview of the proposed framework for chest X-ray classification",
        "Photograph of the MRI scanner used in the study",
    ],
)
def test_words_of_medicine_under_charts_and_schemes_do_not_make_them_medical(caption):
    assert vote_on(caption).probability < 0.4


@pytest.mark.parametrize("caption", ["", "  \n", "Figure 1", "Fig. 2 Cont.", "xyzzy plugh", "图 3", "1234 % &"])
def test_it_abstains_where_the_words_say_nothing(caption):
    vote = vote_on(caption)
    assert vote.probability is None
    assert vote.reason


def test_it_is_never_more_certain_than_words_can_be():
    most = vote_on("Axial CT image of the chest shows a nodule in the right upper lobe, axial MRI, radiograph, lesion")
    assert 0.6 < most.probability <= 0.91


def test_its_reason_names_the_words_that_told():
    assert "roc" in vote_on("ROC curves of all classifiers").reason


def test_label_and_function_words_are_no_terms():
    assert terms_of("Figure 12b: View of the knee") == ["view", "knee", "view knee"]


def test_only_the_beginning_of_a_caption_counts():
    beginning = "Kaplan-Meier survival curves " * 6
    assert vote_on(beginning + "axial CT shows a mass " * 50).probability == vote_on(beginning).probability
