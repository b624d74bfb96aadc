"""When medsift's DAGs run by themselves."""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable

from medsift.settings import Settings


def every(cron: str) -> CronTriggerTimetable:
    """A schedule in our time zone whose first run lies ahead, whenever the DAG is first seen.

    Airflow takes `run_immediately=False` for None: a time past by less than a tenth of the interval would run at once.
    """
    return CronTriggerTimetable(cron, timezone=Settings.load().timezone, run_immediately=timedelta(0))
