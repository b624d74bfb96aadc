"""One run of `medsift_sort` in the stack, from a terminal: triggered, watched, its result read."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from medsift.errors import MedsiftError, StackError, UsageError
from medsift.settings import Settings
from medsift.steps import break_off, new_run_id
from medsift.steps.expand import expand, is_address
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.layout import StackLayout
from medsift.topology.permit import grant
from medsift.topology.postgres import EmbeddedPostgres
from medsift.topology.progress import DAG, STEPS, StepState, step_states
from medsift.topology.sample import Sample, ensure_sample, served
from medsift.topology.stack import client, down, status, up
from medsift.topology.state import choose_ports
from medsift.volume import Volume

LOOK_EVERY_S = 0.4
PATIENCE_S = 120.0  # how long Airflow may be silent while the supervisor mends it


class RunFailedError(MedsiftError):
    """A run ended red; the sentence is that of the task that failed."""

    code = "run_failed"


Show = Callable[[list[StepState]], None]


@dataclass(frozen=True)
class Finished:
    """A run that has ended: its document (that of `sort --json`), folder of files, and how it failed, if it did."""

    document: dict[str, Any]
    folder: Path
    expected: Path | None
    failure: str = ""


@contextmanager
def running_stack(settings: Settings, tell: Callable[[str], None]) -> Iterator[AirflowClient]:
    """The stack for the block: one that is up is used and left up, else it is started and stopped again.

    Raises `StackError` where it is just being started or stopped by somebody else.
    """
    state = status(settings)
    if state is not None:
        if state.phase in ("starting", "stopping"):
            raise StackError(f"The stack is just {state.phase}.", "Try again in half a minute.")
        tell("up already: it is used and left up")
        yield client(settings)
        return
    up(settings, tell)
    airflow = client(settings)
    try:
        yield airflow
    finally:
        if _has_other_runs(airflow):
            tell("left up: another run is at work in it; `make down` stops it")
        else:
            tell("stopping")
            down(settings)


def _has_other_runs(airflow: AirflowClient) -> bool:
    try:
        return airflow.unfinished_runs(DAG) > 0
    except StackError:
        return False


def run_sources(settings: Settings, typed: Sequence[str], tell: Callable[[str], None], show: Show) -> Finished:
    """Sort `typed`, or the inbox, or where that is empty the sample, by a run in the stack.

    Raises `StackError` where the stack fails, `RunFailedError` where the run left no result.
    """
    volume = Volume(settings.volume)
    volume.prepare()
    sources = [_absolute(source) for source in typed] or waiting(settings, volume)
    with running_stack(settings, tell) as airflow, _sample_unless(bool(sources), settings) as sample:
        if sample is not None:
            tell("the inbox is empty: sorting the sample")
        airflow_run = f"terminal__{datetime.now(UTC).isoformat()}"
        run_id = new_run_id(airflow_run)
        named = "\n".join(sample.sources if sample else sources)
        if sample is not None:
            # Nobody's paths are in it, and its score goes by them.
            grant(settings, run_id, named, [sample.host], keep_dicom_paths=True)
        else:
            grant(settings, run_id, named)
        airflow.unpause(DAG)
        airflow.trigger(DAG, airflow_run, {"sources": named})
        try:
            failure = _watch(airflow, airflow_run, show)
        except BaseException:
            _stop(settings, airflow, airflow_run)
            raise
    folder = volume.report(run_id)
    result = folder / "result.json"
    if not result.exists():
        raise RunFailedError(failure or "The run ended without a result.")
    document = json.loads(result.read_text(encoding="utf-8"))
    return Finished(document, folder, sample.expected if sample else None, failure)


def _absolute(source: str) -> str:
    if "\n" in source:
        raise UsageError(f"The source {source!r} has a line break in its name.", "Rename it.")
    return source if is_address(source) else str(Path(source).expanduser().absolute())


def waiting(settings: Settings, volume: Volume) -> list[str]:
    """Inbox and watchlist, each if there is a source in it, as named ones: reported even where nothing changed."""
    places = [str(place) for place in (volume.inbox, volume.watchlist) if place.exists()]
    return [place for place in places if any(leaf.state != "empty" for leaf in expand(place, settings).leaves)]


@contextmanager
def _sample_unless(has_sources: bool, settings: Settings) -> Iterator[Sample | None]:
    if has_sources:
        with nullcontext() as nothing:
            yield nothing
        return
    port = choose_ports(StackLayout.of(Volume(settings.volume)), ["sample"])["sample"]
    with served(ensure_sample(), port) as sample:
        yield sample


def _watch(airflow: AirflowClient, run: str, show: Show) -> str:
    """Show the run until it ends; the sentence with which it failed, or nothing."""
    said: dict[tuple[str, int], dict[str, Any]] = {}
    silent_since: float | None = None
    while True:
        try:
            state = airflow.run_state(DAG, run)
            instances = airflow.task_instances(DAG, run)
            show(step_states(airflow, run, instances, said))
        except StackError:
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > PATIENCE_S:
                raise
        else:
            silent_since = None
            if state in ("success", "failed"):
                return _failure(airflow, run, instances) if state == "failed" else ""
        time.sleep(LOOK_EVERY_S)


def _stop(settings: Settings, airflow: AirflowClient, airflow_run: str) -> None:
    """Stop a run whose watching ended first, and record that it was interrupted."""
    with suppress(StackError):
        url = EmbeddedPostgres(StackLayout.of(Volume(settings.volume)).postgres).urls().task
        # Before its tasks are killed: they would call it failed.
        break_off(settings.model_copy(update={"database_url": url}), new_run_id(airflow_run), "interrupted")
    with suppress(StackError):
        airflow.stop_run(DAG, airflow_run)


def _failure(airflow: AirflowClient, run: str, instances: list[dict[str, Any]]) -> str:
    failed = [task for task in instances if task["state"] == "failed"]
    if not failed:
        return "The run was stopped."
    # A lost batch is told best by report, which comes last; anything else by the task itself.
    task = max(failed, key=lambda task: STEPS.index(task["task_id"]))
    return airflow.error_of(DAG, run, task) or f"Task {task['task_id']} failed without a word."
