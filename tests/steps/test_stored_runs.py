"""Runs as Airflow's tasks do them, with the rows that they leave in Postgres."""

from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from medsift.cli import root
from medsift.encoders import PROFILES, WEIGHTS
from medsift.encoders.lite import lite_profile
from medsift.modelsets import shipped_set
from medsift.store import Store

pytestmark = pytest.mark.postgres


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> str:
    """A profile with the encoders of lite and without a model set."""
    assert PROFILES.names() == WEIGHTS.names()
    monkeypatch.setitem(
        PROFILES._entries, "bare", lambda settings, _: replace(lite_profile(settings, shipped_set("lite")), name="bare")
    )
    monkeypatch.setitem(WEIGHTS._entries, "bare", lambda _: [])
    return "bare"


def shown(store: Store) -> dict[str, float]:
    """P(medical) of every picture as the view has it."""
    return {row.sha256: row.probability for row in store.export_rows()}


def decided(store: Store, run_id: str) -> dict[str, float]:
    with store.engine.connect() as connection:
        rows = connection.execute(text("SELECT sha256, probability FROM verdicts WHERE run_id = :id"), {"id": run_id})
        return {row.sha256: row.probability for row in rows}


@pytest.mark.usefixtures("inbox")
def test_after_a_switch_to_a_profile_without_a_model_set_its_verdicts_are_shown(load, do_run, store, bare):
    before = do_run("before")["run"]["id"]
    assert shown(store) == decided(store, before)
    load().volume.joinpath("medsift.toml").write_text(f'profile = "{bare}"\n')
    after = do_run("after")["run"]["id"]
    assert decided(store, after) != decided(store, before)
    assert shown(store) == decided(store, after)
    assert store.current_model_set() == ""


@pytest.mark.usefixtures("inbox")
def test_a_run_that_was_given_another_profile_leaves_the_verdicts_in_use_as_they_are(load, do_run, store, bare):
    load().volume.joinpath("medsift.toml").write_text(f'profile = "{bare}"\n')
    before = do_run("before")["run"]["id"]
    other = do_run("other", profile="lite")["run"]["id"]
    assert len(decided(store, other)) == 2
    assert shown(store) == decided(store, before)
    assert store.current_model_set() == ""


def test_profile_use_is_told_to_the_database(load, store, bare):
    environment = {"MEDSIFT_VOLUME": str(load().volume), "MEDSIFT_DATABASE_URL": load().database_url}
    for name, model_set in (("lite", shipped_set("lite").digest), (bare, "")):
        done = CliRunner().invoke(root, ["profile", "use", name], env=environment)
        assert done.exit_code == 0, done.output
        assert store.current_model_set() == model_set
