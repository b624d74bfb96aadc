"""What the app asks of whatever runs the steps; Airflow's answer to it is in topology/airflow_runs.py."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from medsift.review.identity import User


class RunView(Protocol):
    """A run: `id` is the service's own, `run_id` medsift's; `address` is where a person sees its logs."""

    @property
    def id(self) -> str:
        """The service's id of it."""

    @property
    def run_id(self) -> str:
        """Medsift's id of it."""

    @property
    def state(self) -> str:
        """queued, running, success or failed."""

    @property
    def started_at(self) -> str:
        """When it was asked for, ISO 8601."""

    @property
    def address(self) -> str:
        """Page of the run with its logs."""


class StepView(Protocol):
    """How far a step is, and what its finished tasks counted."""

    @property
    def name(self) -> str:
        """The step."""

    @property
    def done(self) -> int:
        """Tasks that have ended."""

    @property
    def failed(self) -> int:
        """Tasks that failed."""

    @property
    def total(self) -> int:
        """Tasks it has, as far as is known yet."""

    @property
    def seconds(self) -> float:
        """What its tasks took together."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What they counted."""


class Runs(Protocol):
    """Starts runs and tells of them, each with the rights of the person who asks."""

    def start(self, user: User, sources: Sequence[str]) -> RunView:
        """Begin to sort these sources; raises `MedsiftError` where that is refused."""

    def recent(self, user: User, most: int) -> Sequence[RunView]:
        """The newest runs, newest first."""

    def progress(self, user: User, run: str) -> tuple[RunView, Sequence[StepView]]:
        """A run and its steps in order."""
