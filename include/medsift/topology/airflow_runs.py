"""Runs of `medsift_sort` for the Review app, started and followed by Airflow's REST with the person's own token."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Protocol
from urllib.parse import quote

from medsift.errors import UsageError
from medsift.steps import new_run_id
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.progress import DAG, StepState, step_states

KEPT = 100  # runs whose finished tasks' summaries are remembered


class Person(Protocol):
    """Whoever asks, known to Airflow by a token of its own."""

    @property
    def name(self) -> str:
        """The login's name."""

    @property
    def token(self) -> str:
        """What Airflow gave that person at login."""


@dataclass(frozen=True)
class AirflowRun:
    """A run as Airflow has it; `run_id` is medsift's id of it, `address` its page in Airflow's UI."""

    id: str
    run_id: str
    state: str
    started_at: str
    address: str


class AirflowRuns:
    """Airflow refuses whoever may not trigger or see the DAG: no right is checked here that it would not check.

    `address` is where its REST is reached, `shown` the address that people's browsers have for it.
    """

    def __init__(self, address: str, shown: str) -> None:
        self._address, self._shown = address, shown.rstrip("/")
        self._said: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}

    def start(self, user: Person, sources: Sequence[str]) -> AirflowRun:
        """Begin to sort these sources, one a line of the form."""
        if any("\n" in source for source in sources):
            raise UsageError("A source has a line break in its name.", "Rename it.")
        airflow = self._as(user)
        run = f"review__{datetime.now(UTC).isoformat()}_{token_hex(4)}"
        airflow.trigger(DAG, run, {"sources": "\n".join(sources)})
        return self._run(airflow.run(DAG, run))

    def recent(self, user: Person, most: int) -> list[AirflowRun]:
        """The newest runs, newest first."""
        return [self._run(run) for run in self._as(user).runs(DAG, most)]

    def progress(self, user: Person, run: str) -> tuple[AirflowRun, list[StepState]]:
        """A run and its steps in order; raises `UsageError` where there is none of that id."""
        airflow = self._as(user)
        found = airflow.run(DAG, run)
        if not found:
            raise UsageError(f"Airflow knows no run {run!r}.")
        said = self._said.setdefault(run, {})
        while len(self._said) > KEPT:
            self._said.pop(next(iter(self._said)))
        return self._run(found), step_states(airflow, run, airflow.task_instances(DAG, run), said)

    def _as(self, user: Person) -> AirflowClient:
        return AirflowClient(self._address, token=user.token)

    def _run(self, run: dict[str, Any]) -> AirflowRun:
        name = str(run["dag_run_id"])
        address = f"{self._shown}/dags/{DAG}/runs/{quote(name, safe='')}"
        return AirflowRun(name, new_run_id(name), run["state"], str(run["run_after"]), address)
