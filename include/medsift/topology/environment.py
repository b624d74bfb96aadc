"""The one environment that all Airflow processes of a stack share."""

import os
from collections.abc import Mapping
from pathlib import Path

from medsift.errors import StackError
from medsift.settings import MARKER
from medsift.topology.layout import ADMIN, StackLayout, StackSecrets

LOOPBACK = "127.0.0.1"


def project_root() -> Path:
    """The checkout with dags/ and plugins/; raises `StackError` where medsift is installed without one."""
    root = Path(__file__).parents[3]
    if not (root / "dags" / "medsift_sort.py").is_file():
        raise StackError(
            "The embedded stack needs the project folder with dags/ and plugins/, which is not there.",
            "Clone the project and use `make run` in it.",
        )
    return root


def airflow_environment(
    layout: StackLayout,
    keys: StackSecrets,
    *,
    port: int,
    airflow_url: str,
    product: Mapping[str, str],
    broker_url: str = "",
) -> dict[str, str]:
    """Environment of Airflow's processes; with a broker, tasks run in Celery's workers.

    `product` holds MEDSIFT_* variables (volume, database). Airflow variables of the caller's shell are dropped:
    they belong to another Airflow.
    """
    root = project_root()
    dropped = ("AIRFLOW", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    logs = layout.airflow_home / "logs"
    airflow = {
        "AIRFLOW_HOME": str(layout.airflow_home),
        # Named, or those of a stack that was moved or copied would stand where its airflow.cfg was made.
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(logs),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(logs / "dag_processor"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_url,
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(root / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": keys.fernet_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": keys.jwt_secret,
        "AIRFLOW__API__SECRET_KEY": keys.session_secret,
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.passwords),
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "8",  # an api-server that is gone is asked for two minutes
        "SPT_NOENV": "1",  # setproctitle leaves the environment, hence our marker, where it can be read
        **SPEED,
        **(_celery(broker_url, airflow_url) if broker_url else {"AIRFLOW__CORE__EXECUTOR": "LocalExecutor"}),
    }
    no_proxy = ",".join(filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy", ""), LOOPBACK, "localhost"]))
    return kept | airflow | dict(product) | {MARKER: str(layout.root), "NO_PROXY": no_proxy, "no_proxy": no_proxy}


def _celery(broker_url: str, airflow_url: str) -> dict[str, str]:
    return {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": broker_url,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{airflow_url}",
        # What a killed worker had taken goes to others after so long; Airflow itself has noticed long before.
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
    }


# Measured: a chain of nine small tasks takes 13 s with Airflow's defaults and 3 s with these.
SPEED = {
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",  # default 300: a killed task is tried again soon
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",  # default 300: a new DAG file shows soon
}
