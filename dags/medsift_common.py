"""What medsift's DAGs share: how a step runs as a task, what is retried, whom to tell of a failure."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Literal

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException
from medsift_schedule import give_way_to_other_night

from medsift.settings import Settings

log = logging.getLogger(__name__)

ABOUT = {name: str(field.description) for name, field in Settings.model_fields.items()}


def run_id_of(context: Mapping[str, Any]) -> str:
    """Our id of the run, the same for every task and every try of an Airflow run."""
    from medsift.steps import new_run_id

    return new_run_id(context["run_id"])


def do_step(step: str, **arguments: object) -> dict[str, Any]:
    """Run a step of the library as this task; its summary is kept as XCom `summary` and returned."""
    from medsift.steps import run_step

    context = get_current_context()
    return keep_summary(lambda: run_step(Settings.load(), run_id_of(context), step, **arguments))


def keep_summary(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do a task's work and leave its summary where people and `make run` find it.

    The work's faults fail the task at once, but for those that a retry may mend. Airflow's own, such as an API server
    that is gone just now, are always tried again.
    """
    with mended_by_retry_or_failed():
        summary = work()
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
    run_id, params, form = run_id_of(context), context["params"], context["dag"].params
    is_nightly = context["dag_run"].run_type == "scheduled"
    if is_nightly:
        give_way_to_other_night()
    trigger: Literal["nightly", "on_demand"] = "nightly" if is_nightly else "on_demand"

    def planned() -> dict[str, Any]:
        settings = Settings.load(settings_of_form(params, form) | permitted(Settings.load(), run_id, params["sources"]))
        return plan_run(settings, run_id, params["sources"].split("\n"), trigger)

    return list(keep_summary(planned)["batches"])


def settings_of_form(params: Mapping[str, Any], form: Collection[str]) -> dict[str, Any]:
    """The settings that a run's Params name; raises `UsageError` for what the form does not ask for.

    REST takes any name, and with it a run could give itself other roots, hosts or another volume.
    """
    from medsift.errors import UsageError

    unknown = sorted(params.keys() - set(form))
    if unknown:
        raise UsageError(f"A run has no Param {', '.join(unknown)}.", f"It has {', '.join(form)}.")
    return {name: value for name, value in params.items() if name in ABOUT and value not in (None, "")}


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
