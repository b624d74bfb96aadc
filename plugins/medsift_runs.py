"""A run that Airflow ends before its report, by hand or by itself, is not left at `running` in our table."""

import sys
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


@hookimpl
def on_dag_run_failed(dag_run: "DagRun", msg: str) -> None:
    """Called by the api-server where a person stops a run, by the scheduler where a task was lost."""
    from medsift.settings import Settings
    from medsift.steps import break_off, new_run_id

    if dag_run.dag_id == "medsift_sort":
        state = "interrupted" if "manually" in msg else "failed"
        break_off(Settings.load(), new_run_id(dag_run.run_id), state)


class MedsiftRunsPlugin(AirflowPlugin):
    """Makes the listener known to Airflow."""

    name = "medsift_runs"
    listeners = [sys.modules[__name__]]  # noqa: RUF012  # the attribute Airflow reads
