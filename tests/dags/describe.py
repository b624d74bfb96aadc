"""Run in a process of its own: reads the DAG files as Airflow does and prints what it found as JSON."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HEAVY = ("torch", "torchvision", "timm", "transformers", "open_clip", "sklearn", "scipy", "numpy", "pandas", "pyarrow",
         "pymupdf", "pydicom", "PIL", "matplotlib")  # fmt: skip


def described(folder: Path) -> dict[str, object]:
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.serialization.serialized_objects import DagSerialization

    bag: Any = BundleDagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="dags")
    heavy = [name for name in HEAVY if name in sys.modules]
    dags = {}
    for dag_id, dag in bag.dags.items():
        served = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        dags[dag_id] = {
            "start_date": dag.start_date and str(dag.start_date),
            "first_runs": first_runs(served),
            "assets": sorted(asset.uri for _, asset in served.timetable.asset_condition.iter_assets()),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "tags": sorted(dag.tags),
            "doc": dag.doc_md or "",
            "params": {name: param.schema | {"default": param.value} for name, param in dag.params.items()},
            "tasks": {task.task_id: about(task) for task in dag.tasks},
        }
    return {
        "errors": {Path(file).name: error for file, error in bag.import_errors.items()},
        "heavy": heavy,
        "dags": dags,
    }


def first_runs(dag: Any) -> dict[str, str]:
    """Moment at which the DAG is first seen -> its first run, for each half hour of a week in summer."""
    from airflow.timetables import trigger
    from airflow.timetables.base import TimeRestriction

    seen = [datetime(2026, 7, 5, 0, 20, tzinfo=UTC) + timedelta(minutes=30 * step) for step in range(2 * 24 * 7)]
    runs = {}
    for moment in seen:
        trigger.utcnow = lambda moment=moment: moment
        restriction = TimeRestriction(earliest=None, latest=None, catchup=dag.catchup)
        first = dag.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
        runs[moment.isoformat()] = first.run_after.isoformat()
    return runs


def about(task: Any) -> dict[str, object]:
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    return {
        "downstream": sorted(task.downstream_task_ids),
        "trigger_rule": str(task.trigger_rule.value),
        "pool": task.pool,
        "queue": task.queue,
        "owner": task.owner,
        "doc": task.doc_md or "",
        "retries": task.retries,
        "backoff": task.retry_exponential_backoff,
        "timeout_s": task.execution_timeout and task.execution_timeout.total_seconds(),
        "callbacks": bool(task.on_failure_callback),
        "weight_rule": str(task.weight_rule),
        "map_name": task.map_index_template,
        "is_mapped": isinstance(task, MappedOperator) or next(iter(task.iter_mapped_task_groups()), None) is not None,
        "outlets": [outlet.uri for outlet in task.outlets],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(described(Path(sys.argv[1]))) + "\n")
