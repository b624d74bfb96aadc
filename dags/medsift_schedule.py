"""When medsift's DAGs run by themselves, and which of two nights gives way."""

from datetime import datetime, timedelta

from airflow.sdk import CronTriggerTimetable, get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from medsift.settings import Settings

NIGHTS = 14  # how far back a nightly run may still be at work


def every(cron: str) -> CronTriggerTimetable:
    """A schedule in our time zone whose first run lies ahead, whenever the DAG is first seen.

    Airflow takes `run_immediately=False` for None: a time past by less than a tenth of the interval would run at once.
    """
    return CronTriggerTimetable(cron, timezone=Settings.load().timezone, run_immediately=timedelta(0))


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
