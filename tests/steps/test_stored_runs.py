"""Runs as Airflow's tasks do them, with the rows that they leave in Postgres."""

import time
from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from medsift.cli import root
from medsift.encoders import PROFILES, WEIGHTS
from medsift.encoders.lite import lite_profile
from medsift.modelsets import shipped_set
from medsift.steps import break_off, local_context, new_run_id, plan_run, run_step, sort_sources
from medsift.steps.profile import verdict_keys
from medsift.steps.report import LostBatchError
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
    assert store.current_model_set() == verdict_keys(load(profile=bare))[0]


@pytest.mark.usefixtures("inbox")
def test_the_database_names_the_engine_that_embedded(do_run, store):
    do_run("one", engine="torch_fp32")
    with store.engine.connect() as connection:
        rows = connection.execute(text("SELECT name, engines FROM models"))
        engines = {row.name: row.engines for row in rows}
    assert engines == {"lite": ["torch_fp32"], "efficientnet_lite0": ["torch_fp32"]}


@pytest.mark.usefixtures("inbox")
def test_a_run_that_was_given_another_profile_leaves_the_verdicts_in_use_as_they_are(load, do_run, store, bare):
    load().volume.joinpath("medsift.toml").write_text(f'profile = "{bare}"\n')
    before = do_run("before")["run"]["id"]
    other = do_run("other", profile="lite")["run"]["id"]
    assert len(decided(store, other)) == 2
    assert shown(store) == decided(store, before)
    assert store.current_model_set() == verdict_keys(load(profile=bare))[0]


def test_profile_use_is_told_to_the_database(load, store, bare):
    environment = {"MEDSIFT_VOLUME": str(load().volume), "MEDSIFT_DATABASE_URL": load().database_url}
    for name, model_set in (("lite", shipped_set("lite").digest), (bare, verdict_keys(load(profile=bare))[0])):
        done = CliRunner().invoke(root, ["profile", "use", name], env=environment)
        assert done.exit_code == 0, done.output
        assert store.current_model_set() == model_set


@pytest.mark.usefixtures("inbox")
def test_preprocess_that_is_cleared_after_the_run_extracts_anew_what_went_with_its_end(load, do_run, store):
    run_id, sources = do_run("one")["run"]["id"], [str(load().volume / "inbox" / f"{n}.png") for n in range(2)]
    before = store.occurrences_of(sources)
    assert [occurrence.state for occurrence in before] == ["kept", "kept"]
    run_step(load(), run_id, "preprocess", batch="0000")
    for entry in run_step(load(), run_id, "shard", batches=["0000"])["shards"]:
        run_step(load(), run_id, "embed", shard=entry["shard"])
    for step in ("cluster", "score", "ensemble", "publish", "report"):
        run_step(load(), run_id, step)
    assert store.occurrences_of(sources) == before


def run_row(store: Store, run_id: str) -> tuple[str, bool, dict[str, dict[str, int]]]:
    """State of a run, whether it has ended, and its counts."""
    with store.engine.connect() as connection:
        query = text("SELECT state, finished_at IS NOT NULL, counts FROM runs WHERE id = :id")
        return tuple(connection.execute(query, {"id": run_id}).one())


def test_a_run_is_there_from_its_plan_on_and_done_with_its_report(load, store, inbox, do_run):
    run_id = new_run_id("one")
    plan_run(load(), run_id, [str(inbox)], "on_demand")
    assert run_row(store, run_id) == ("running", False, {})
    document = do_run("one")
    assert run_row(store, run_id) == ("done", True, document["counts"])


def test_a_run_that_is_planned_anew_is_recorded_with_its_new_prompts_and_first_start(load, store, inbox):
    def planned(**form):
        plan_run(load(**form), new_run_id("one"), [str(inbox)], "on_demand")
        with store.engine.connect() as connection:
            return connection.execute(text("SELECT started_at, prompt_set, settings ->> 'prompt_set' FROM runs")).one()

    first, second = planned(), planned(prompt_set="basic")
    assert first.started_at == second.started_at
    assert first.prompt_set != second.prompt_set
    assert second[2] == "basic"


@pytest.mark.usefixtures("inbox", "store")
def test_a_task_tells_how_long_its_step_took(load):
    begun = time.monotonic()
    planned = plan_run(load(), new_run_id("one"), ["."], "on_demand")
    sharded = run_step(load(), new_run_id("one"), "shard", batches=[])
    passed = time.monotonic() - begun
    assert planned["step_seconds"] > 0
    assert 0.9 * passed - 0.1 < planned["step_seconds"] + sharded["step_seconds"] < passed + 0.02


@pytest.mark.usefixtures("inbox")
def test_a_run_that_lost_a_batch_has_failed_with_its_counts(load, store):
    run_id = new_run_id("lost")
    plan_run(load(), run_id, ["."], "on_demand")
    run_step(load(), run_id, "shard", batches=[])
    for step in ("cluster", "score", "ensemble", "publish"):
        run_step(load(), run_id, step)
    with pytest.raises(LostBatchError, match="0000"):
        run_step(load(), run_id, "report")
    state, has_ended, counts = run_row(store, run_id)
    assert (state, has_ended, counts["sources"]["failed"]) == ("failed", True, 2)


@pytest.mark.parametrize(("error", "state"), [(KeyboardInterrupt, "interrupted"), (ZeroDivisionError, "failed")])
def test_a_run_in_this_process_that_breaks_off_says_so_and_is_done_when_it_is_gone_on_with(
    load, store, inbox, error, state
):
    def stop_at_embed(step, _done, _total):
        if step == "embed":
            raise error

    with (
        pytest.raises(error),
        local_context(load(), [str(inbox)], is_stored=True, progress=stop_at_embed) as context,
    ):
        sort_sources(context, [str(inbox)])
    assert run_row(store, context.run_id) == (state, True, {})
    with local_context(load(), [str(inbox)], is_stored=True) as again:
        sort_sources(again, [str(inbox)])
    assert again.run_id == context.run_id
    assert run_row(store, context.run_id)[:2] == ("done", True)


def test_only_a_run_at_work_is_broken_off(load, store, inbox, do_run):
    run_id = do_run("one")["run"]["id"]
    break_off(load(), run_id, "failed")
    assert run_row(store, run_id)[0] == "done"
    break_off(load(), "never planned", "failed")
    plan_run(load(), new_run_id("two"), [str(inbox)], "on_demand")
    break_off(load(), new_run_id("two"), "failed")
    assert run_row(store, new_run_id("two"))[:2] == ("failed", True)
