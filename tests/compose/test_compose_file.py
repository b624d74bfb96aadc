"""docker-compose.yaml, Dockerfile and .env are held against the code that they start."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from medsift.settings import PREFIX, Settings
from medsift.store.roles import ROLES
from medsift.topology.environment import SPEED
from medsift.topology.postgres import LOCALE
from medsift.topology.roster import AIRFLOW, QUEUES, roster
from medsift.volume import Volume
from tests.compose.conftest import ROOT, Composed, docker_compose, make_secrets

TEXT = (ROOT / "docker-compose.yaml").read_text()
WITHOUT_SECRET = {"MEDSIFT_CPU_QUEUES", "AIRFLOW_PORT", "DATABASE_PORT", "WORKER_CPUS"}
LEAST_HOST_CPUS = 2  # docs/deployment.md asks for so many
OF_AIRFLOW = {"api-server", "scheduler", "dag-processor", "triggerer", "worker", "worker-gpu"}


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_services_are_those_of_airflow_with_a_database_and_a_queue(composed: Composed) -> None:
    assert set(composed.services) == OF_AIRFLOW | {"postgres", "redis", "init"}


def test_every_secret_is_asked_for_and_none_has_a_default() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?Run make secrets\}", TEXT))
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT)) == asked | WITHOUT_SECRET
    assert not asked & WITHOUT_SECRET


def test_make_secrets_writes_every_secret_that_is_asked_for_and_no_other(tmp_path: Path) -> None:
    assert set(make_secrets(tmp_path / ".env")) == set(re.findall(r"\$\{(\w+):\?", TEXT))


def test_without_one_of_them_start_is_refused_and_it_is_named(tmp_path: Path) -> None:
    whole = make_secrets(tmp_path / ".env")
    for missing in whole:
        (tmp_path / ".env").write_text("".join(f"{k}={v}\n" for k, v in whole.items() if k != missing))
        done = docker_compose(tmp_path / ".env", "config")
        assert done.returncode != 0
        assert "Run make secrets" in done.stderr, done.stderr


def test_secrets_are_private_differ_and_are_kept_by_a_second_call(tmp_path: Path) -> None:
    first = make_secrets(tmp_path / ".env")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert make_secrets(tmp_path / ".env") == first
    made = [value for name, value in first.items() if name != "FIRST_USER"]
    assert len(set(made)) == len(made)
    assert min(map(len, made)) >= 32


def test_what_a_person_wrote_into_the_file_stays_where_it_stands(tmp_path: Path) -> None:
    own = "# our ports\nAIRFLOW_PORT=8081\nFERNET_KEY=\n# the end\n"
    (tmp_path / ".env").write_text(own)
    made = make_secrets(tmp_path / ".env")
    text = (tmp_path / ".env").read_text()
    assert text.startswith(own.replace("FERNET_KEY=\n", ""))
    assert made["AIRFLOW_PORT"] == "8081"
    assert len(made["FERNET_KEY"]) >= 32
    assert text.count("FERNET_KEY") == 1
    make_secrets(tmp_path / ".env", "--gpu")
    assert make_secrets(tmp_path / ".env") == made
    assert (tmp_path / ".env").read_text() == text


def test_links_lead_to_the_address_that_the_file_says_and_else_airflow_knows_none(tmp_path: Path) -> None:
    name, address = "AIRFLOW__API__BASE_URL", "https://medsift.example.org"
    make_secrets(tmp_path / ".env")
    for line, expected in (("", None), (f"{name}={address}\n", address)):
        with (tmp_path / ".env").open("a") as file:
            file.write(line)
        services = yaml.safe_load(docker_compose(tmp_path / ".env", "config").stdout)["services"]
        assert {services[service]["environment"][name] for service in OF_AIRFLOW} == {expected}


def test_with_a_gpu_the_profile_and_the_queues_change_together_and_back(tmp_path: Path) -> None:
    with_gpu = make_secrets(tmp_path / ".env", "--gpu")
    assert (with_gpu["COMPOSE_PROFILES"], with_gpu["MEDSIFT_CPU_QUEUES"]) == ("gpu", "default")
    assert not {"COMPOSE_PROFILES", "MEDSIFT_CPU_QUEUES"} & set(make_secrets(tmp_path / ".env"))


def test_every_queue_of_a_task_has_one_worker_with_and_without_a_gpu(
    compose: Callable[..., Composed], composed: Composed
) -> None:
    sources = "".join(file.read_text() for file in (ROOT / "dags").glob("*.py"))
    queues = {"default", *re.findall(r'queue="(\w+)"', sources)}
    assert set(QUEUES.values()) == queues
    assert set(option(composed.services["worker"]["command"], "-q").split(",")) == queues
    assert composed.services["worker-gpu"]["profiles"] == ["gpu"]
    with_gpu = compose("--gpu").services
    taken = [option(with_gpu[name]["command"], "-q") for name in QUEUES]
    assert sorted(taken) == sorted(queues)


def test_the_gpu_worker_does_one_thing_at_a_time_and_has_the_device(composed: Composed) -> None:
    service = composed.services["worker-gpu"]
    assert option(service["command"], "-c") == "1"
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert service["build"]["target"] == "cuda"


def test_each_image_is_built_by_one_service_so_that_a_first_build_does_not_meet_itself(composed: Composed) -> None:
    shared = [service for name, service in composed.services.items() if name in OF_AIRFLOW | {"init"}]
    builders = [service["image"] for service in shared if "build" in service]
    assert sorted(builders) == sorted({service["image"] for service in shared})


def test_the_database_counts_as_healthy_only_once_others_reach_it(composed: Composed) -> None:
    """The image's server is on the socket alone while it makes the database: `init` would find nothing by TCP."""
    assert option(composed.services["postgres"]["healthcheck"]["test"], "-h") == "127.0.0.1"


def test_the_database_sorts_text_as_the_embedded_one_does(composed: Composed) -> None:
    """By the image's libc, order would differ, and indexes go wrong when a later image brings another libc."""
    arguments = composed.services["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert arguments == ["--auth=scram-sha-256", *LOCALE]


def test_no_limit_asks_for_more_processors_than_a_small_host_has(composed: Composed) -> None:
    """Docker refuses to start a container whose limit is above the host's number."""
    wanted = {name: float(each["deploy"]["resources"]["limits"]["cpus"]) for name, each in composed.services.items()}
    assert max(wanted.values()) <= LEAST_HOST_CPUS, wanted


def test_commands_are_those_of_the_embedded_stack(composed: Composed, tmp_path: Path) -> None:
    from medsift.topology.layout import StackLayout

    own = {role.name: role.command[len(AIRFLOW) :] for role in roster(StackLayout(tmp_path), with_celery=True)}
    for name in own.keys() - QUEUES.keys():
        assert composed.services[name]["command"] == ["airflow", *own[name]]
    for name in QUEUES:
        assert composed.services[name]["command"][1:3] == list(own[name][:2])
        assert "--skip-serve-logs" in composed.services[name]["command"]


def test_airflows_variables_are_options_that_it_knows(composed: Composed, tmp_path: Path) -> None:
    wanted = [name for name in composed.services["worker"]["environment"] if name.startswith("AIRFLOW__")]
    script = (
        "import json, sys\n"
        "from airflow.providers_manager import ProvidersManager\n"
        "from airflow.configuration import conf\n"
        "ProvidersManager().initialize_providers_configuration()\n"
        "sections = conf.configuration_description.items()\n"
        "known = {f'AIRFLOW__{name}__{each}'.upper() for name, section in sections for each in section['options']}\n"
        "print(json.dumps([name for name in json.loads(sys.argv[1]) if name not in known]))\n"
    )
    command = [sys.executable, "-c", script, json.dumps(wanted)]
    environment = {"PATH": "/usr/bin:/bin", "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_they_have_the_values_of_the_embedded_stack(composed: Composed) -> None:
    environment = composed.services["scheduler"]["environment"]
    shared = SPEED.keys() & environment.keys()
    assert len(shared) >= 4
    assert {name: environment[name] for name in shared} == {name: SPEED[name] for name in shared}


def test_medsifts_variables_are_settings_and_every_process_has_the_same(composed: Composed) -> None:
    environments = [composed.services[name]["environment"] for name in OF_AIRFLOW]
    assert all(environment == environments[0] for environment in environments)
    ours = {name: value for name, value in environments[0].items() if name.startswith(PREFIX)}
    settings = Settings.load(environment=ours)
    assert settings.database_url.endswith(":5432/medsift") and "//medsift:" in settings.database_url
    assert str(settings.volume) == "/var/lib/medsift"


def test_only_init_can_make_tables_and_roles(composed: Composed) -> None:
    owning = {composed.secrets[name] for name in ("POSTGRES_PASSWORD", "DATABASE_OWNER_PASSWORD")}
    holders = {
        name for name, service in composed.services.items() for secret in owning if secret in json.dumps(service)
    }
    assert holders == {"init", "postgres"}


def test_init_gives_every_role_its_password_and_makes_the_pool() -> None:
    script = (ROOT / "docker" / "init.sh").read_text()
    here = script.split("<<PASSWORDS\n")[1].split("\nPASSWORDS")[0]
    assert sorted(line.split()[0] for line in here.splitlines()) == sorted(ROLES)
    assert "airflow pools set gpu 1 " in script
    assert 'pool="gpu"' in (ROOT / "dags" / "medsift_sort.py").read_text()


def test_one_port_stands_wherever_the_api_server_is_spoken_of(composed: Composed) -> None:
    service = composed.services["api-server"]
    port = service["environment"]["AIRFLOW__API__PORT"]
    assert service["environment"]["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == f"http://api-server:{port}/execution/"
    assert f"http://localhost:{port}/" in service["healthcheck"]["test"][-1]
    assert service["ports"] == [f"127.0.0.1:8080:{port}/tcp"]
    health = composed.services["scheduler"]
    own = health["environment"]["AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT"]
    assert f"http://localhost:{own}/health" in health["healthcheck"]["test"][-1]


def test_nothing_is_published_beyond_this_machine(composed: Composed) -> None:
    published = [port for service in composed.services.values() for port in service.get("ports", [])]
    assert published and all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("what", ["healthcheck", "restart", "deploy", "user", "security_opt", "cap_drop", "init"])
def test_every_service_has(composed: Composed, what: str) -> None:
    wanted: dict[str, Callable[[dict[str, Any]], bool]] = {
        "healthcheck": lambda service: bool(service["healthcheck"]["test"]),
        "restart": lambda service: service["restart"] == "unless-stopped",
        "deploy": lambda service: {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"]),
        "user": lambda service: int(service["user"].split(":")[0]) > 0,
        "security_opt": lambda service: service["security_opt"] == ["no-new-privileges:true"],
        "cap_drop": lambda service: service["cap_drop"] == ["ALL"],
        "init": lambda service: service["init"] is True,
    }
    once = {"init"} if what in ("healthcheck", "restart") else set()
    asked = {name: service for name, service in composed.services.items() if name not in once}
    assert [name for name, service in asked.items() if not wanted[what](service)] == []


def test_files_and_logs_are_shared_by_all_of_airflow_on_named_volumes(composed: Composed) -> None:
    assert set(composed.volumes) == {"files", "logs", "database", "queue"}
    for name in OF_AIRFLOW | {"init"}:
        assert {"files:/var/lib/medsift:rw", "logs:/opt/airflow/logs:rw"} == set(composed.services[name]["volumes"])


def test_nothing_starts_before_what_it_needs(composed: Composed) -> None:
    for name in OF_AIRFLOW:
        needed = {other: how["condition"] for other, how in composed.services[name]["depends_on"].items()}
        assert needed["init"] == "service_completed_successfully"
        assert needed["postgres"] == needed["redis"] == "service_healthy"
    for worker in QUEUES:
        assert composed.services[worker]["depends_on"]["api-server"]["condition"] == "service_healthy"


def test_the_image_has_what_the_commands_name(composed: Composed) -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in let_through)
    assert not {".env", "var", "tests"} & let_through
    named = [part for service in composed.services.values() for part in service.get("command") or []]
    named += [said for said in composed.services["worker"]["environment"].values() if said is not None]
    inside = [part.removeprefix("/opt/medsift/") for part in named if part.startswith("/opt/medsift/")]
    assert sorted(inside) == ["dags", "docker/init.sh", "plugins"]
    assert all((ROOT / path).exists() and path.split("/")[0] in let_through for path in inside)
    assert (ROOT / "docker" / "init.sh").stat().st_mode & 0o111 == 0o111


def stages_of_the_dockerfile() -> dict[str, str]:
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.M)
    return {stage.split()[2]: stage for stage in stages[1:]}


def test_both_targets_are_in_the_dockerfile_and_run_without_root(composed: Composed) -> None:
    users = {name: re.findall(r"^USER (\d+)$", stage, flags=re.M) for name, stage in stages_of_the_dockerfile().items()}
    for name in OF_AIRFLOW | {"init"}:
        service = composed.services[name]
        target = service["image"].removeprefix("medsift:")
        assert users[target] == [service["user"].split(":")[0]]
        assert service.get("build", {"target": target})["target"] == target


def test_an_index_of_one_project_is_asked_for_that_project_alone() -> None:
    """PyTorch's has few versions of other packages, seldom those of the lock: pip would find no solution."""
    asked = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if "index-url" in line]
    assert asked and all("--no-deps" in line for line in asked)


def test_what_is_copied_into_the_image_may_be_read_there_whatever_the_umask_was() -> None:
    for name in ("cpu", "cuda"):
        _, _, copied = stages_of_the_dockerfile()[name].partition("COPY . .")
        assert "RUN chmod -R a+rX . " in copied.partition("USER")[0]


def test_the_inbox_is_there_before_the_first_run(tmp_path: Path) -> None:
    """docs/deployment.md copies files into it as soon as the stack is up."""
    lines = (ROOT / "docker" / "init.sh").read_text().splitlines()
    (making,) = [line for line in lines if line.startswith("mkdir")]
    subprocess.run(["sh", "-c", making], env={"PATH": "/usr/bin:/bin", "MEDSIFT_VOLUME": str(tmp_path)}, check=True)
    assert Volume(tmp_path).inbox.is_dir()
