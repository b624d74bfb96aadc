from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsift.errors import SettingError
from medsift.prompts import list_prompt_sets, load_prompts
from medsift.settings import shipped

SHIPPED = shipped("prompts")


def make_set(folder: Path, name: str, **files: str) -> None:
    for key, text in files.items():
        side, kind = key.split("__")
        path = folder / name / side.replace("_", "-") / f"{kind}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_three_sets_ship():
    assert list_prompt_sets(SHIPPED) == ["basic", "figures", "pair"]


def test_basic_set_is_the_eight_known_prompts():
    assert {(prompt.text, prompt.is_medical) for prompt in load_prompts(SHIPPED, "basic").prompts} == {
        ("A chest X-ray showing lungs and ribcage", True),
        ("An MRI brain scan with detailed brain structures", True),
        ("A CT scan image showing internal body structures", True),
        ("An ultrasound image of internal organs", True),
        ("A landscape photograph with mountains and trees", False),
        ("An architectural image of buildings or structures", False),
        ("A photograph of people or faces", False),
        ("An image of objects, food, or everyday items", False),
    }


def test_figures_set_extends_the_basic_one():
    assert set(load_prompts(SHIPPED, "basic").texts) <= set(load_prompts(SHIPPED, "figures").texts)


def test_pair_has_one_prompt_a_side():
    assert [prompt.is_medical for prompt in load_prompts(SHIPPED, "pair").prompts] == [True, False]


def test_a_new_file_adds_a_kind(tmp_path):
    make_set(tmp_path, "mine", medical__xray="an X-ray\n", non_medical__photo="# all else\n\n a photo \n")
    before = load_prompts(tmp_path, "mine")
    make_set(tmp_path, "mine", non_medical__seal="a wax seal\na rubber stamp")
    after = load_prompts(tmp_path, "mine")
    assert [(p.text, p.kind) for p in before.prompts] == [("an X-ray", "xray"), ("a photo", "photo")]
    assert [p.kind for p in after.prompts] == ["xray", "photo", "seal", "seal"]
    assert after.digest != before.digest


def test_a_comment_does_not_change_the_digest(tmp_path):
    make_set(tmp_path, "a", medical__x="one", non_medical__y="two")
    make_set(tmp_path, "b", medical__x="# note\none\n", non_medical__y="two\n\n")
    assert load_prompts(tmp_path, "a").digest == load_prompts(tmp_path, "b").digest


def test_an_unknown_set_is_answered_with_the_known_ones(tmp_path):
    make_set(tmp_path, "mine", medical__x="one", non_medical__y="two")
    with pytest.raises(SettingError) as caught:
        load_prompts(tmp_path, "yours")
    assert str(caught.value) == "Setting prompt_set = 'yours': allowed is one of mine."


def test_a_set_with_an_empty_side_is_refused(tmp_path):
    make_set(tmp_path, "mine", medical__x="one", non_medical__y="# nothing\n")
    with pytest.raises(SettingError, match="at least one prompt in non-medical"):
        load_prompts(tmp_path, "mine")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    make_set(tmp_path, "mine", medical__x="one", non_medical__y="two")
    (tmp_path / "mine" / "medical" / "x.txt").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(SettingError, match="UTF-8"):
        load_prompts(tmp_path, "mine")


@given(name=st.text(max_size=20))
def test_no_name_of_a_set_leads_out_of_its_folder(name):
    if name in ("basic", "figures", "pair"):
        return
    with pytest.raises(SettingError):
        load_prompts(SHIPPED, name)
