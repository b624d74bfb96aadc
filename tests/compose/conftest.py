"""docker-compose.yaml as Debian's docker-compose understands it, with an .env that `make secrets` wrote."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Composed:
    """What `docker-compose config` says, and the secrets that went into it."""

    services: dict[str, dict[str, Any]]
    volumes: dict[str, Any]
    secrets: dict[str, str]


def docker_compose(env_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("docker-compose")
    assert program, "There is no docker-compose. On Debian: apt-get install --no-install-recommends docker-compose"
    command = [program, "--env-file", str(env_file), *arguments]
    environment = {"PATH": "/usr/bin:/bin"}  # variables of the shell would win over the file
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def make_secrets(path: Path, *options: str) -> dict[str, str]:
    command = [sys.executable, str(ROOT / "tools" / "make_secrets.py"), *options, str(path)]
    subprocess.run(command, check=True, capture_output=True)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="session")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Composed]:
    """The file's content for options of make_secrets.py."""

    def read(*options: str) -> Composed:
        env_file = tmp_path_factory.mktemp("env") / ".env"
        secrets = make_secrets(env_file, *options)
        done = docker_compose(env_file, "config")
        assert done.returncode == 0, done.stderr
        content = yaml.safe_load(done.stdout)
        return Composed(content["services"], content["volumes"], secrets)

    return read


@pytest.fixture(scope="session")
def composed(compose: Callable[..., Composed]) -> Composed:
    """The file's content without a GPU; services of the profile gpu are in it, and not started."""
    return compose()
