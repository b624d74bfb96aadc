"""Runs that a person asked for go before the nightly one, wherever tasks wait for a slot."""

from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin
from airflow.task.priority_strategy import PriorityWeightStrategy

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

NIGHTLY, ON_DEMAND = 1, 100


class OnDemandFirst(PriorityWeightStrategy):
    """Weight by the kind of run: Airflow names scheduled runs `scheduled__...`."""

    def get_weight(self, ti: "TaskInstance") -> int:
        """100 for a run on demand, 1 for a nightly one."""
        return NIGHTLY if str(ti.run_id).startswith("scheduled__") else ON_DEMAND


class MedsiftPriorityPlugin(AirflowPlugin):
    """Makes the strategy known to Airflow."""

    name = "medsift_priority"
    priority_weight_strategies = [OnDemandFirst]  # noqa: RUF012  # the attribute Airflow reads
