"""Which processes a topology has, in the order in which their ends are waited for."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medsift.topology.layout import StackLayout

AIRFLOW = [sys.executable, "-m", "airflow"]
QUEUES = {"worker": "default", "worker-gpu": "gpu"}
# One task of the GPU's at a time, as its pool has it; with the other worker as many as `core.parallelism` allows.
CONCURRENCY = {"worker": 3, "worker-gpu": 1}


@dataclass(frozen=True)
class Role:
    """One process: how it is started, how long its end is waited for, which sign of life is its own."""

    name: str
    command: Sequence[str]
    grace_s: float
    sign: str


def celery_name(worker: str) -> str:
    """The name by which a worker answers on the broker."""
    return f"{QUEUES[worker]}@medsift"


def roster(layout: StackLayout, *, with_celery: bool) -> list[Role]:
    """Airflow's processes; the broker is none of them.

    Nobody serves logs: they are read from the volume, and no port is open to the world. The api-server keeps nothing,
    but waits for idle connections.
    """
    workers = [_worker(name, layout.airflow_home / f"{name}.pid") for name in QUEUES] if with_celery else []
    return [
        *workers,
        Role("scheduler", [*AIRFLOW, "scheduler", "--skip-serve-logs"], 30.0, "scheduler"),
        Role("dag-processor", [*AIRFLOW, "dag-processor"], 30.0, "dag_processor"),
        Role("api-server", [*AIRFLOW, "api-server"], 1.0, "metadatabase"),
    ]


def _worker(name: str, pid_file: Path) -> Role:
    options = {"-q": QUEUES[name], "-c": str(CONCURRENCY[name]), "-H": celery_name(name), "--pid": str(pid_file)}
    command = [*AIRFLOW, "celery", "worker", "--skip-serve-logs"]
    return Role(name, command + [part for option in options.items() for part in option], 30.0, name)
