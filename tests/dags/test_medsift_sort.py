"""The shape of the main DAG: tasks, order, schedule, form."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

EDGES = {
    "plan": ["extract", "shard"],
    "extract": ["preprocess"],
    "preprocess": ["shard"],
    "shard": ["embed"],
    "embed": ["cluster", "score"],
    "cluster": ["ensemble"],
    "score": ["ensemble"],
    "ensemble": ["publish"],
    "publish": ["report"],
    "report": [],
}


def test_every_dag_file_is_read_without_an_error(all_dags: dict[str, Any]) -> None:
    assert all_dags["errors"] == {}


def test_reading_the_dag_files_imports_nothing_heavy(all_dags: dict[str, Any]) -> None:
    assert all_dags["heavy"] == []


def test_dag_files_stay_short() -> None:
    for file in (Path(__file__).parents[2] / "dags").glob("medsift_*.py"):
        limit = 140 if file.name == "medsift_common.py" else 120
        assert len(file.read_text().splitlines()) < limit, file.name


def test_tasks_follow_each_other_as_the_data_goes(sort_dag: dict[str, Any]) -> None:
    assert {name: task["downstream"] for name, task in sort_dag["tasks"].items()} == EDGES


def test_only_batches_and_shards_multiply_tasks_and_each_has_a_readable_name(sort_dag: dict[str, Any]) -> None:
    mapped = {name for name, task in sort_dag["tasks"].items() if task["is_mapped"]}
    assert mapped == {"extract", "preprocess", "embed"}
    assert all(sort_dag["tasks"][name]["map_name"] for name in mapped)


def test_a_lost_batch_does_not_keep_the_others_from_going_on(sort_dag: dict[str, Any]) -> None:
    assert sort_dag["tasks"]["shard"]["trigger_rule"] == "all_done_min_one_success"


def test_only_embedding_uses_the_gpu_queue_and_pool(sort_dag: dict[str, Any]) -> None:
    on_gpu = {name for name, task in sort_dag["tasks"].items() if "gpu" in (task["queue"], task["pool"])}
    assert on_gpu == {"embed"}
    assert sort_dag["tasks"]["embed"]["queue"] == sort_dag["tasks"]["embed"]["pool"] == "gpu"


def test_every_task_is_documented_owned_limited_and_retried_with_growing_pauses(sort_dag: dict[str, Any]) -> None:
    for name, task in sort_dag["tasks"].items():
        assert task["doc"], name
        assert task["owner"] == "medsift", name
        assert task["timeout_s"] > 0, name
        assert task["retries"] > 0 and task["backoff"] > 1, name
        assert task["callbacks"], name
        assert task["weight_rule"] == "medsift_priority.OnDemandFirst", name


def test_the_dag_is_documented_and_tagged_and_limits_its_runs(sort_dag: dict[str, Any]) -> None:
    assert "on demand" in sort_dag["doc"].lower()
    assert "medsift" in sort_dag["tags"]
    assert sort_dag["max_active_runs"] == 4
    assert sort_dag["catchup"] is False


def test_the_report_tells_of_new_verdicts(sort_dag: dict[str, Any]) -> None:
    outlets = {name: task["outlets"] for name, task in sort_dag["tasks"].items() if task["outlets"]}
    assert outlets == {"report": ["medsift://verdicts/"]}  # Airflow adds the slash to whatever is written without


def test_the_form_asks_for_what_a_run_may_differ_in_and_may_stay_empty(sort_dag: dict[str, Any]) -> None:
    params = sort_dag["params"]
    assert set(params) == {"sources", "profile", "prompt_set", "review_threshold", "medical_recall"}
    assert params["sources"]["format"] == "multiline"
    assert [params[name]["default"] for name in list(params)[1:]] == [None] * 4
    assert (params["review_threshold"]["minimum"], params["review_threshold"]["maximum"]) == (0.5, 1)
    assert (params["medical_recall"]["exclusiveMinimum"], params["medical_recall"]["exclusiveMaximum"]) == (0.5, 1)


def test_the_form_proposes_the_prompt_sets_that_are_there(describe: Any, tmp_path: Path) -> None:
    (tmp_path / "teeth" / "medical").mkdir(parents=True)
    params = describe(MEDSIFT_PROMPTS_DIR=str(tmp_path))["dags"]["medsift_sort"]["params"]
    assert params["prompt_set"]["examples"] == ["teeth"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_the_first_night_is_the_next_two_o_clock_of_the_time_zone_whenever_first_started(
    describe: Any, zone: str
) -> None:
    dag = describe(MEDSIFT_TIMEZONE=zone)["dags"]["medsift_sort"]
    assert dag["start_date"] is None
    for started, run in dag["first_runs"].items():
        now, first = datetime.fromisoformat(started), datetime.fromisoformat(run)
        assert now < first <= now + timedelta(hours=24)
        local = first.astimezone(ZoneInfo(zone))
        assert (local.hour, local.minute) == (2, 0)


def test_a_wrong_time_zone_is_told_by_the_broken_dag(describe: Any) -> None:
    errors = describe(MEDSIFT_TIMEZONE="Mars/Olympus")["errors"]
    assert "timezone = 'Mars/Olympus'" in errors["medsift_sort.py"]
