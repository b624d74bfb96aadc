"""A model set that is put into use while a run is at work is for the next run."""

import shutil
from dataclasses import replace

import pytest

from medsift.modelsets import MANIFEST, current, save, shipped_set
from medsift.modelsets.in_use import keep, promote
from medsift.steps import new_run_id, plan_run, run_step
from medsift.volume import Volume

pytestmark = pytest.mark.postgres


def hotter_set(volume):
    """The shipped set with another temperature, kept."""
    ours = shipped_set("lite")
    volume.model_sets.mkdir(parents=True)
    built = shutil.copytree(ours.folder, volume.model_sets / ".built", ignore=shutil.ignore_patterns(MANIFEST))
    save(
        built, name="hotter", profile="lite", encoders=ours.encoder_digests, prompt_set=ours.prompt_set,
        spaces=ours.spaces, calibration=replace(ours.calibration, temperature=9.0), previous=ours.digest,
    )  # fmt: skip
    return keep(volume, built)


def test_a_run_keeps_the_model_set_it_was_planned_with(load, inbox, store, do_run):
    first = do_run("first")
    run_id, volume = new_run_id("second"), Volume(load().volume)
    batches = plan_run(load(), run_id, ["."], "on_demand")["batches"]
    promote(volume, hotter_set(volume))
    for entry in batches:
        run_step(load(), run_id, "extract", batch=entry["batch"])
        run_step(load(), run_id, "preprocess", batch=entry["batch"])
    run_step(load(), run_id, "shard", batches=[entry["batch"] for entry in batches])
    for step in ("cluster", "score", "ensemble", "publish"):
        run_step(load(), run_id, step)
    sha256s = [picture["sha256"] for picture in first["pictures"]]
    prompts = current(volume, "lite").prompt_set
    stored = store.verdicts(sha256s, shipped_set("lite").digest, prompts)
    assert {sha256: verdict.probability for sha256, verdict in stored.items()} == {
        picture["sha256"]: pytest.approx(picture["probability"]) for picture in first["pictures"]
    }

    third = do_run("third")
    assert third["run"]["model_set"] == current(volume, "lite").digest
    assert max(picture["confidence"] for picture in third["pictures"]) < max(
        picture["confidence"] for picture in first["pictures"]
    )
