"""How far a run of `medsift_sort` is, step by step, as Airflow's REST tells it."""

from dataclasses import dataclass, field
from typing import Any

from medsift.topology.airflow_client import AirflowClient

DAG = "medsift_sort"
STEPS = ("plan", "extract", "preprocess", "shard", "embed", "cluster", "score", "ensemble", "publish", "report")


@dataclass
class StepState:
    """How far a step is: its tasks, those that have ended, those that failed, and what the others said they did."""

    name: str
    done: int = 0
    failed: int = 0
    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether all its tasks have ended."""
        return 0 < self.total == self.done


def step_states(
    airflow: AirflowClient, run: str, instances: list[dict[str, Any]], said: dict[tuple[str, int], dict[str, Any]]
) -> list[StepState]:
    """State by step, in order; `said` remembers summaries already asked for."""
    steps = {name: StepState(name) for name in STEPS}
    for task in instances:
        step, key = steps[task["task_id"]], (task["task_id"], task["map_index"])
        step.total += 1
        step.done += task["state"] in ("success", "failed")
        step.failed += task["state"] == "failed"
        step.seconds += task["duration"] or 0.0
        if task["state"] == "success" and key not in said:
            said[key] = airflow.summary(DAG, run, *key)
        for name, value in said.get(key, {}).items():
            if isinstance(value, int) and not isinstance(value, bool):
                step.counts[name] = step.counts.get(name, 0) + value
    return list(steps.values())
