"""The shape of the DAG that learns from labels: tasks, order, schedule, approval."""

from datetime import datetime, timedelta
from typing import Any

import pytest


@pytest.fixture(scope="module")
def refit_dag(all_dags: dict[str, Any]) -> dict[str, Any]:
    """The DAG as the default settings make it."""
    dag: dict[str, Any] = all_dags["dags"]["medsift_refit"]
    return dag


@pytest.fixture(scope="module")
def asking_dag(describe: Any) -> dict[str, Any]:
    """The DAG where a person is asked."""
    dag: dict[str, Any] = describe(MEDSIFT_REFIT_PROMOTION="ask")["dags"]["medsift_refit"]
    return dag


def edges(dag: dict[str, Any]) -> dict[str, list[str]]:
    return {name: task["downstream"] for name, task in dag["tasks"].items()}


def test_a_fitted_set_is_promoted_and_pictures_are_scored_anew(refit_dag: dict[str, Any]) -> None:
    assert edges(refit_dag) == {"fit": ["promote"], "promote": ["score_anew"], "score_anew": []}


def test_where_the_setting_asks_a_person_stands_between_fit_and_promotion(asking_dag: dict[str, Any]) -> None:
    assert edges(asking_dag) == {
        "fit": ["approve", "promote"],
        "approve": ["promote"],
        "promote": ["score_anew"],
        "score_anew": [],
    }
    assert asking_dag["tasks"]["approve"]["timeout_s"] is None


def test_every_task_is_documented_owned_and_retried_and_all_but_the_person_limited(asking_dag: dict[str, Any]) -> None:
    for name, task in asking_dag["tasks"].items():
        assert task["doc"], name
        assert task["owner"] == "medsift", name
        assert task["retries"] > 0 and task["backoff"] > 1, name
        assert task["callbacks"], name
        assert task["weight_rule"] == "medsift_priority.OnDemandFirst", name
        assert name == "approve" or task["timeout_s"] > 0, name


def test_it_runs_weekly_and_when_labels_were_given(refit_dag: dict[str, Any]) -> None:
    for started, run in refit_dag["first_runs"].items():
        now, first = datetime.fromisoformat(started), datetime.fromisoformat(run)
        assert now < first <= now + timedelta(days=7)
        assert (first.isoweekday(), first.hour, first.minute) == (7, 4, 0)
    assert refit_dag["assets"] == ["medsift://labels/"]  # Airflow adds the slash to whatever is written without
    assert refit_dag["catchup"] is False
    assert refit_dag["max_active_runs"] == 1


def test_nothing_is_asked_of_who_starts_it(refit_dag: dict[str, Any]) -> None:
    assert refit_dag["params"] == {}
    assert "rollback" in refit_dag["doc"]
