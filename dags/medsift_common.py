"""What medsift's DAGs share: how a step runs as a task, what is retried, whom to tell of a failure."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from medsift.settings import Settings

log = logging.getLogger(__name__)

ABOUT = {name: str(field.description) for name, field in Settings.model_fields.items()}
NIGHTS = 14  # how far back a nightly run may still be at work


def run_id_of(context: Mapping[str, Any]) -> str:
    """Our id of the run, the same for every task and every try of an Airflow run."""
    from medsift.steps import new_run_id

    return new_run_id(context["run_id"])


def do_step(step: str, **arguments: object) -> dict[str, Any]:
    """Run a step of the library as this task; its summary is kept as XCom `summary` and returned."""
    from medsift.steps import run_step

    context = get_current_context()
    with mended_by_retry_or_failed():
        return keep_summary(run_step(Settings.load(), run_id_of(context), step, **arguments))


def keep_summary(summary: dict[str, Any]) -> dict[str, Any]:
    """Leave a task's summary where people and `make run` find it."""
    get_current_context()["ti"].xcom_push("summary", summary)
    return summary


def do_mapped(step: str, name: str, **arguments: str) -> dict[str, Any]:
    """Run a step as a mapped task, with the name that the grid shows for it."""
    get_current_context()["name"] = name  # type: ignore[literal-required]  # read by map_index_template
    return do_step(step, **arguments)


def do_plan() -> list[dict[str, str]]:
    """Run step `plan` with what the form says; the batches that it cut."""
    from medsift.steps import plan_run
    from medsift.topology.permit import permitted

    context = get_current_context()
    run_id, params = run_id_of(context), context["params"]
    is_nightly = context["dag_run"].run_type == "scheduled"
    if is_nightly:
        give_way_to_other_night()
    with mended_by_retry_or_failed():
        form = {name: value for name, value in params.items() if name in ABOUT and value not in (None, "")}
        settings = Settings.load(form | permitted(Settings.load(), run_id))
        trigger: Literal["nightly", "on_demand"] = "nightly" if is_nightly else "on_demand"
        return list(keep_summary(plan_run(settings, run_id, params["sources"].splitlines(), trigger))["batches"])


def all_of_group(pulled: object) -> list[Any]:
    """What the tasks of a mapped group returned that succeeded: of one alone Airflow hands on the bare value."""
    values = pulled if isinstance(pulled, list) else [pulled]
    return [value for value in values if value is not None]


@contextmanager
def mended_by_retry_or_failed() -> Iterator[None]:
    """Let through what a retry may mend: a lost database, the machine (volume, memory, network).

    Everything else would fail the same way again: it fails the task at once, with its sentence.
    """
    from medsift.errors import MedsiftError, StoreLostError
    from medsift.volume import VolumeError

    try:
        yield
    except (StoreLostError, VolumeError, OSError, MemoryError):
        raise
    except MedsiftError as error:
        raise AirflowFailException(str(error)) from error
    except Exception as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error


def give_way_to_other_night() -> None:
    """Skip a nightly run while another one is unfinished: what it would take is left to the next night.

    The earlier night goes first; one that is cleared later on gives way to a later one that is at work by then.
    Nights are told by their logical dates; an hour each way covers the change of summer time.
    """
    context = get_current_context()
    instance, night = context["ti"], context["logical_date"]
    steps = [timedelta(days=day, hours=hour) for day in range(1, NIGHTS + 1) for hour in (-1, 0, 1)]

    def count(nights: list[datetime], states: list[str]) -> int:
        return int(instance.get_dr_count(dag_id=instance.dag_id, logical_dates=nights, states=states))

    is_taken = count([night - step for step in steps], ["queued", "running"]) > 0
    if instance.try_number > 1:
        is_taken |= count([night + step for step in steps], ["running"]) > 0
    if is_taken:
        raise AirflowSkipException("Another nightly run is still at work; what is new since is left to the next one.")


def tell_of_failure(context: Mapping[str, Any]) -> None:
    """After a task's last try: a line in the log, the run's row, and the webhook where one is set."""
    from medsift.steps import break_off
    from medsift.topology.webhook import post_failure

    instance = context["ti"]
    failure = {
        "dag": instance.dag_id,
        "run": context["run_id"],
        "task": instance.task_id,
        "map_index": instance.map_index,
        "reason": str(context.get("exception") or "unknown")[:1000],
        "log": instance.log_url,
    }
    log.error("failed for good: %s", failure)
    break_off(Settings.load(), run_id_of(context), "failed")
    post_failure(Settings.load(), failure)


DEFAULTS: dict[str, Any] = {
    "owner": "medsift",
    "retries": 3,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
    "execution_timeout": timedelta(hours=1),
    "weight_rule": "medsift_priority.OnDemandFirst",
    "on_failure_callback": tell_of_failure,
}
MAPPED: dict[str, Any] = {"map_index_template": "{{ name }}", "execution_timeout": timedelta(hours=4)}
