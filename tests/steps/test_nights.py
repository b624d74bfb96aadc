"""What the nightly run takes and what it passes over, night after night."""

import shutil
from typing import Any

import pytest
from PIL import Image

from medsift.steps import new_run_id, plan_run

pytestmark = pytest.mark.postgres


@pytest.fixture
def night(do_run):
    """A nightly run; its document."""
    return lambda name, **environment: do_run(name, [], "nightly", **environment)


def states(document: dict[str, Any]) -> dict[str, str]:
    return {source["source"].rsplit("/", 1)[-1]: source["state"] for source in document["sources"]}


def numbers(document: dict[str, Any]) -> set[int]:
    return {number for group in document["counts"].values() for number in group.values()}


def test_a_night_passes_over_what_is_unchanged_and_scored_and_takes_what_changed(inbox, night, age):
    assert states(night("first")) == {"0.png": "done", "1.png": "done"}
    assert numbers(night("nothing new")) == {0}
    Image.new("RGB", (90, 70), "green").save(inbox / "1.png")
    age(inbox / "1.png")
    assert states(night("changed")) == {"1.png": "done"}
    assert numbers(night("nothing new again")) == {0}


def test_a_night_scores_unchanged_files_anew_with_another_prompt_set(inbox, night):
    night("first")
    scored = night("other prompts", prompt_set="basic")
    assert states(scored) == {"0.png": "unchanged", "1.png": "unchanged"}
    assert len(scored["pictures"]) == 2
    assert numbers(night("other prompts again", prompt_set="basic")) == {0}
    assert numbers(night("first prompts")) == {0}


def test_a_night_reads_files_again_that_other_settings_would_read_otherwise(inbox, night):
    night("first")
    smaller = night("smallest side", min_image_size="400")
    assert states(smaller) == {"0.png": "done", "1.png": "done"}
    assert smaller["counts"]["pictures"]["rejected"] == 2


def test_files_that_are_too_young_wait_for_a_later_night(inbox, load, night, age):
    night("first")
    shutil.copyfile(inbox / "0.png", inbox / "young.png")
    planned = plan_run(load(), new_run_id("young"), [], "nightly")
    assert (planned["sources"], planned["passed_over"]) == (0, 2)
    age(inbox / "young.png")
    assert states(night("older")) == {"young.png": "done"}
