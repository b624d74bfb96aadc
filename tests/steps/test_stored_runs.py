"""Runs as Airflow's tasks do them, with the rows that they leave in Postgres."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image
from sqlalchemy import text

from medsift.cli import root
from medsift.encoders import PROFILES, WEIGHTS
from medsift.encoders._selftest import drawn_pictures
from medsift.encoders.lite import lite_profile
from medsift.modelsets import shipped_set
from medsift.settings import Settings
from medsift.steps import new_run_id, plan_run, run_step
from medsift.store import Store

pytestmark = pytest.mark.postgres
Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path, database) -> Load:
    """Settings as a worker loads them, with a form's values."""
    return lambda **form: Settings.load({"volume": str(tmp_path / "var"), "database_url": database.task, **form}, {})


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """The inbox with two drawn pictures that are old enough for the night."""
    folder = tmp_path / "var" / "inbox"
    folder.mkdir(parents=True)
    for number, picture in enumerate(drawn_pictures(96)[:2]):
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> str:
    """A profile with the encoders of lite and without a model set."""
    assert PROFILES.names() == WEIGHTS.names()
    monkeypatch.setitem(
        PROFILES._entries, "bare", lambda settings, _: replace(lite_profile(settings, shipped_set("lite")), name="bare")
    )
    monkeypatch.setitem(WEIGHTS._entries, "bare", lambda _: [])
    return "bare"


def done(load: Load, name: str, **form: Any) -> str:
    """A run on demand over the inbox, its id."""
    run_id = new_run_id(name)
    batches = plan_run(load(**form), run_id, ["."], "on_demand")["batches"]
    for entry in batches:
        run_step(load(), run_id, "extract", batch=entry["batch"])
        run_step(load(), run_id, "preprocess", batch=entry["batch"])
    for entry in run_step(load(), run_id, "shard", batches=[entry["batch"] for entry in batches])["shards"]:
        run_step(load(), run_id, "embed", shard=entry["shard"])
    for step in ("cluster", "score", "ensemble", "publish", "report"):
        run_step(load(), run_id, step)
    return run_id


def shown(store: Store) -> dict[str, float]:
    """P(medical) of every picture as the view has it."""
    return {row.sha256: row.probability for row in store.export_rows()}


def decided(store: Store, run_id: str) -> dict[str, float]:
    with store.engine.connect() as connection:
        rows = connection.execute(text("SELECT sha256, probability FROM verdicts WHERE run_id = :id"), {"id": run_id})
        return {row.sha256: row.probability for row in rows}


@pytest.mark.usefixtures("inbox")
def test_after_a_switch_to_a_profile_without_a_model_set_its_verdicts_are_shown(load, store, bare):
    before = done(load, "before")
    assert shown(store) == decided(store, before)
    load().volume.joinpath("medsift.toml").write_text(f'profile = "{bare}"\n')
    after = done(load, "after")
    assert decided(store, after) != decided(store, before)
    assert shown(store) == decided(store, after)
    assert store.current_model_set() == ""


@pytest.mark.usefixtures("inbox")
def test_a_run_that_was_given_another_profile_leaves_the_verdicts_in_use_as_they_are(load, store, bare):
    load().volume.joinpath("medsift.toml").write_text(f'profile = "{bare}"\n')
    before = done(load, "before")
    other = done(load, "other", profile="lite")
    assert len(decided(store, other)) == 2
    assert shown(store) == decided(store, before)
    assert store.current_model_set() == ""


def test_profile_use_is_told_to_the_database(load, store, bare):
    environment = {"MEDSIFT_VOLUME": str(load().volume), "MEDSIFT_DATABASE_URL": load().database_url}
    for name, model_set in (("lite", shipped_set("lite").digest), (bare, "")):
        done = CliRunner().invoke(root, ["profile", "use", name], env=environment)
        assert done.exit_code == 0, done.output
        assert store.current_model_set() == model_set
