"""Every command of docker-compose.yaml as a plain process, with its own arguments, environment and health check.

Only what Docker would provide is put in its place: names of hosts, ports that may be taken, folders of volumes.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from PIL import Image
from sqlalchemy import create_engine, make_url, text

from medsift.store.roles import DATABASES, ROLES, autocommit
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.postgres import EmbeddedPostgres
from medsift.topology.processes import Process, free_port
from tests.compose.conftest import ROOT, docker_compose, make_secrets
from tests.conftest import in_database
from tests.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(900)]
DAG = "medsift_sort"
PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"


@dataclass
class Plain:
    """The services of the file with this machine's names in them."""

    services: dict[str, dict[str, Any]]
    secrets: dict[str, str]
    folder: Path
    address: str
    processes: dict[str, Process] = field(default_factory=dict)

    def environment(self, name: str) -> dict[str, str]:
        said = self.services[name]["environment"].items()
        own = {key: str(value) for key, value in said if value is not None}  # one without is not set
        return {"PATH": PATH, "HOME": str(self.folder), "AIRFLOW_HOME": str(self.folder / "airflow")} | own

    def start(self, name: str) -> None:
        command = self.services[name]["command"]
        process = Process(name, command, self.environment(name), self.folder / f"{name}.log")
        self.processes[name] = process
        process.start()

    def run(self, name: str) -> None:
        self.start(name)
        process = self.processes[name]
        assert wait_until(lambda: process.exit_status is not None, 240, every_s=0.5), process.last_words()
        assert process.exit_status == 0, process.log.read_text()

    def is_healthy(self, name: str) -> bool:
        kind, *command = self.services[name]["healthcheck"]["test"]
        shell = ["sh", "-c", command[0]] if kind == "CMD-SHELL" else command
        done = subprocess.run(shell, env=self.environment(name), capture_output=True, text=True, check=False)
        return done.returncode == 0

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        last = ["redis"]
        for name in [name for name in self.processes if name not in last] + last:
            if name in self.processes:
                self.processes[name].terminate()
                self.processes[name].grace_s = 20.0
                self.processes[name].wait()


def emptied(server: EmbeddedPostgres) -> Any:
    """A server as the image of Postgres starts it: a superuser and nothing else; its address."""
    urls = server.ensure_running()
    with autocommit(in_database(urls.admin, "postgres")) as cursor:
        for database in DATABASES:
            cursor.execute(f"DROP DATABASE {database}")
        for role in ROLES:
            cursor.execute(f"DROP ROLE {role}")
    return make_url(urls.admin)


def placed(folder: Path, admin: Any) -> Plain:
    """What `docker-compose config` says with a GPU, and in it this machine's ports and folders."""
    secrets = make_secrets(folder / ".env", "--gpu") | {"POSTGRES_PASSWORD": str(admin.password)}
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
    content = docker_compose(folder / ".env", "config").stdout
    ports = {name: str(free_port()) for name in ("redis", "airflow", "health")}
    for name, instead in {
        "postgres:5432": f"{admin.host}:{admin.port}", "redis:6379": f"127.0.0.1:{ports['redis']}",
        "api-server:8080": f"127.0.0.1:{ports['airflow']}", "port 6379": f"port {ports['redis']}",
        "-p 6379": f"-p {ports['redis']}", "dir /data": f"dir {folder}/queue", "8080": ports["airflow"],
        "8974": ports["health"], "/opt/medsift": str(ROOT), "/opt/airflow": f"{folder}/airflow",
        "/var/lib/medsift": f"{folder}/files",
    }.items():  # fmt: skip
        assert name in content, name
        content = content.replace(name, instead)
    content = content.replace("$$", "$")  # as Compose itself does when it starts a command
    for made in ("queue", "airflow", "files"):
        (folder / made).mkdir()
    return Plain(yaml.safe_load(content)["services"], secrets, folder, f"http://127.0.0.1:{ports['airflow']}")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    """All services started in the order of the file, each healthy by its own check."""
    folder = tmp_path_factory.mktemp("compose")
    server = EmbeddedPostgres(folder / "postgres")
    made = placed(folder, emptied(server))
    (folder / "files" / "medsift.toml").write_text('engine = "torch_fp32"\ninbox_min_age_s = 0\n')
    try:
        made.start("redis")
        assert wait_until(lambda: made.is_healthy("redis"), 30, every_s=0.5), made.said("redis")
        made.run("init")
        made.run("init")
        for stage in (["api-server", "scheduler", "dag-processor", "triggerer"], ["worker", "worker-gpu"]):
            for name in stage:
                made.start(name)
            for name in stage:
                assert wait_until(lambda name=name: made.is_healthy(name), 180, every_s=0.5), (
                    name,
                    made.said(name)[-3000:],
                )
        yield made
    finally:
        made.stop()
        server.remove()


@pytest.fixture(scope="module")
def airflow(plain: Plain) -> AirflowClient:
    return AirflowClient(plain.address, plain.secrets["FIRST_USER"], plain.secrets["FIRST_USER_PASSWORD"])


def test_the_first_user_of_the_env_file_may_log_in_and_nobody_else(plain: Plain, airflow: AirflowClient) -> None:
    assert airflow.has_dag(DAG) or wait_until(lambda: airflow.has_dag(DAG), 60, every_s=0.5)
    for wrong in ("admin", "airflow"):
        body = {"username": plain.secrets["FIRST_USER"], "password": wrong}
        assert requests.post(f"{plain.address}/auth/token", json=body, timeout=30).status_code == 401


def test_a_run_goes_through_both_workers_into_the_database(plain: Plain, airflow: AirflowClient) -> None:
    inbox = plain.folder / "files" / "inbox"
    for number in range(3):
        Image.frombytes("RGB", (64, 64), os.urandom(64 * 64 * 3)).save(inbox / f"{number}.png")
    assert wait_until(lambda: airflow.has_dag(DAG), 60, every_s=0.5), airflow.import_errors()
    airflow.trigger(DAG, "plain", {"sources": str(inbox)})
    ended = wait_until(lambda: airflow.run_state(DAG, "plain") in ("success", "failed"), 300, every_s=0.5)
    tasks = airflow.task_instances(DAG, "plain")
    assert ended and airflow.run_state(DAG, "plain") == "success", [(t["task_id"], t["state"]) for t in tasks]
    url = plain.services["worker"]["environment"]["MEDSIFT_DATABASE_URL"].replace("postgresql", "postgresql+psycopg2")
    with create_engine(url).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM verdicts")) == 3
    assert "task_id=embed" in plain.said("worker-gpu")
    assert "task_id=embed" not in plain.said("worker")


def test_logs_of_tasks_are_read_from_the_shared_volume(airflow: AirflowClient) -> None:
    (plan,) = (task for task in airflow.task_instances(DAG, "plain") if task["task_id"] == "plan")
    log = airflow._call("GET", f"/dags/{DAG}/dagRuns/plain/taskInstances/plan/logs/{plan['try_number']}")
    assert "3 sources" in json.dumps(log["content"])


def test_no_secret_stands_in_a_log_or_on_a_command_line(plain: Plain) -> None:
    secrets = [value for name, value in plain.secrets.items() if len(value) > 20]
    texts = [path.read_text(errors="replace") for path in plain.folder.rglob("*.log")]
    texts += [Path(f"/proc/{process.pid}/cmdline").read_text() for process in plain.processes.values() if process.pid]
    assert len(texts) > 15
    assert not [secret for secret in secrets for one in texts if secret in one]
