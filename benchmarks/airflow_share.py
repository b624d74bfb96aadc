"""Airflow's own share of a run: its wall time less the time inside steps on its critical path, the stack being up.

    python benchmarks/airflow_share.py [--pictures 10000] [--json F]           (--pictures 0: the sample alone)

Brings up a stack of its own in a temporary folder, sorts the sample, then that many drawn pictures of 320 x 240 pixels
(profile lite), and stops it. Each task tells in its summary how many seconds its step took, with what the step had to
load. The critical path is the chain of tasks that decided when the run ended: what a task depends on, or what held the
slot it waited for (benchmarks/critical_path.py). The first run finds Airflow's workers cold. Small pictures are the
harder case: less work, the same tasks.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from critical_path import Link, Task, critical_path, waits_in_graph
from drawn_files import draw_files
from machine import machine

from medsift.settings import Settings
from medsift.steps import new_run_id
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.environment import SPEED
from medsift.topology.progress import DAG, STEPS
from medsift.topology.run import run_sources, running_stack

SIZE = (320, 240)
GROUPED = [("extract", "preprocess")]  # one mapped task group: a batch waits for itself alone
SLOTS = int(SPEED["AIRFLOW__CORE__PARALLELISM"])
SAMPLE_GOAL_S, SHARE_GOAL = 15.0, 0.10


def main() -> None:
    """Run, measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the stack is stopped
    document: dict[str, Any] = {"machine": machine(), "runs": []}
    with tempfile.TemporaryDirectory(prefix="medsift-airflow-share-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        settings = Settings.load({"volume": str(folder / "var"), "profile": "lite"})
        with running_stack(settings, tell) as airflow:
            document["runs"].append(measured(settings, airflow, "sample", []))
            if wanted.pictures:
                draw_files(folder / "drawn", wanted.pictures, SIZE)
                document["runs"].append(measured(settings, airflow, "drawn pictures", [str(folder / "drawn")]))
    if wanted.json:
        wanted.json.write_text(json.dumps(document, indent=1) + "\n")


def tell(what: str) -> None:
    """A word on standard error."""
    print(f"stack: {what}", file=sys.stderr)


def measured(settings: Settings, airflow: AirflowClient, name: str, sources: list[str]) -> dict[str, Any]:
    """One run through the stack, and its account."""
    finished = run_sources(settings, sources, tell, lambda _steps: None)
    if finished.failure:
        sys.exit(f"The run of {name} failed: {finished.failure}")
    run = run_of(airflow, finished.document["run"]["id"])
    account = {"run": name, "pictures": finished.document["counts"]["pictures"]["found"], **accounted(airflow, run)}
    if name == "sample":
        account |= {"goal_airflow_s": SAMPLE_GOAL_S, "is_met": account["airflow_s"] < SAMPLE_GOAL_S}
    else:
        account |= {"goal_share": SHARE_GOAL, "is_met": account["share"] < SHARE_GOAL}
    show(account)
    return account


def run_of(airflow: AirflowClient, run_id: str) -> dict[str, Any]:
    """What Airflow knows of the run that has this id with us."""
    runs = airflow._call("GET", f"/dags/{DAG}/dagRuns?order_by=-run_after&limit=10")["dag_runs"]
    found: dict[str, Any] = next(run for run in runs if new_run_id(run["dag_run_id"]) == run_id)
    return found


def accounted(airflow: AirflowClient, run: dict[str, Any]) -> dict[str, Any]:
    """Where the wall time of a run went, from trigger to end: {wall_s, inside_s, airflow_s, share, path}."""
    tasks = list(tasks_of(airflow, run["dag_run_id"]))
    graph = airflow._call("GET", f"/dags/{DAG}/tasks")["tasks"]
    waits_for = waits_in_graph({task["task_id"]: task["downstream_task_ids"] for task in graph}, GROUPED)
    pools = {pool["name"]: pool["slots"] for pool in airflow._call("GET", "/pools")["pools"]}
    triggered, ended = seconds_of(run["queued_at"]), seconds_of(run["end_date"])
    path = critical_path(tasks, triggered, waits_for, pools, SLOTS)
    wall_s, inside_s = ended - triggered, sum(link.task.inside_s for link in path)
    return {
        "tasks": len(tasks),
        "wall_s": round(wall_s, 2),
        "inside_s": round(inside_s, 2),
        "airflow_s": round(wall_s - inside_s, 2),
        "share": round((wall_s - inside_s) / wall_s, 3),
        "path": [*by_step(path), {"step": "end", "waited_s": round(ended - path[-1].task.ended, 2)}],
    }


def tasks_of(airflow: AirflowClient, run: str) -> Iterable[Task]:
    """All task instances of a run, with what their steps said."""
    for found in airflow.task_instances(DAG, run):
        summary = airflow.summary(DAG, run, found["task_id"], found["map_index"])
        yield Task(
            found["task_id"], found["map_index"], found["pool"],
            *(seconds_of(found[name]) for name in ("queued_when", "start_date", "end_date")), summary["step_seconds"],
        )  # fmt: skip


def by_step(path: list[Link]) -> list[dict[str, Any]]:
    """The links of each step on the path together."""
    rows = []
    for step in STEPS:
        links = [link for link in path if link.task.step == step]
        if links:
            sums = {
                "waited_s": sum(link.waited_s for link in links),
                "around_s": sum(link.around_s for link in links),
                "inside_s": sum(link.task.inside_s for link in links),
            }
            rows.append({"step": step, "tasks": len(links)} | {name: round(value, 2) for name, value in sums.items()})
    return rows


def seconds_of(written: str) -> float:
    """Seconds since 1970 of a time as Airflow writes it."""
    return datetime.fromisoformat(written).timestamp()


def show(account: dict[str, Any]) -> None:
    """The table for people."""
    print(f"\n{account['run']}: {account['pictures']} pictures, {account['tasks']} tasks")
    print(f"{'on the critical path':<22}{'tasks':>6}{'waited':>9}{'around':>9}{'in step':>9}   seconds")
    for row in account["path"]:
        numbers = "".join(f"{row.get(name, 0.0):9.2f}" for name in ("waited_s", "around_s", "inside_s"))
        print(f"{row['step']:<22}{row.get('tasks', ''):>6}{numbers}")
    goal = f"{SAMPLE_GOAL_S:.0f} s" if account["run"] == "sample" else f"{SHARE_GOAL:.0%}"
    print(
        f"wall {account['wall_s']:.1f} s, in steps {account['inside_s']:.1f} s, Airflow {account['airflow_s']:.1f} s"
        f" ({account['share']:.1%})   goal under {goal}: {'met' if account['is_met'] else 'not met'}",
        flush=True,
    )


if __name__ == "__main__":
    main()
