"""DAG files as Airflow sees them, read in a process of its own with a home of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
Describe = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def airflow_home_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Airflow finds our plugins and nobody's settings."""
    home = tmp_path_factory.mktemp("airflow")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MEDSIFT"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }


@pytest.fixture(scope="session")
def describe(airflow_home_environment: dict[str, str]) -> Describe:
    """Reads dags/ in a fresh process with these variables on top."""

    def read(**variables: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("describe.py")), str(PROJECT / "dags")],
            env=airflow_home_environment | variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        described: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return described

    return read


@pytest.fixture(scope="session")
def all_dags(describe: Describe) -> dict[str, Any]:
    """Everything that is in dags/."""
    return describe()


@pytest.fixture(scope="session")
def sort_dag(all_dags: dict[str, Any]) -> dict[str, Any]:
    """The DAG medsift_sort."""
    dag: dict[str, Any] = all_dags["dags"]["medsift_sort"]
    return dag
