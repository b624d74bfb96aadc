"""The broker of topology celery: Debian's redis-server on 127.0.0.1, which keeps what is queued across a restart."""

import importlib.util
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from medsift.errors import StackError
from medsift.topology.environment import LOOPBACK
from medsift.topology.layout import StackLayout, write_private
from medsift.topology.processes import Process
from medsift.topology.roster import QUEUES, celery_name

NAME = "redis"
PACKAGES = ("celery", "redis")
ANSWER_WITHIN_S = 2.0
START_TIMEOUT_S = 30.0
# Without a process title of its own its environment stays readable, and in it the marker of the stack.
CONFIGURATION = """\
bind {address}
port {port}
requirepass {password}
dir {folder}
daemonize no
set-proc-title no
appendonly yes
save ""
maxmemory-policy noeviction
"""


def require_celery() -> None:
    """Raises `StackError` where a program or package that topology celery needs is missing."""
    if shutil.which("redis-server") is None:
        raise StackError(
            "Topology celery needs Redis, and there is no redis-server here.",
            "On Debian or Ubuntu: apt-get install --no-install-recommends redis-server",
        )
    if not all(importlib.util.find_spec(package) for package in PACKAGES):
        raise StackError(
            "Topology celery needs packages that are not installed.",
            "Install them with: .venv/bin/pip install -r requirements-celery.txt -c constraints.txt",
        )


@dataclass
class Broker:
    """One Redis and the workers that take their tasks from it."""

    layout: StackLayout
    port: int
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """Its address for Celery, with its password."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def process(self, environment: Mapping[str, str]) -> Process:
        """The process to start; its settings lie in a file that only its owner reads."""
        folder = self.layout.broker
        folder.mkdir(exist_ok=True)
        quoted = json.dumps(str(folder), ensure_ascii=False)  # Redis takes a name with blanks for several words
        settings = CONFIGURATION.format(address=LOOPBACK, port=self.port, password=self.password, folder=quoted)
        write_private(folder / "redis.conf", settings)
        command = [str(shutil.which("redis-server")), str(folder / "redis.conf")]
        return Process(NAME, command, environment, self.layout.logs / f"{NAME}.log")

    def signs(self) -> dict[str, float]:
        """Who answers now (redis, and workers by their names in the roster), each with the time of its answer."""
        if not self._answers():
            return {}
        workers = {celery_name(name): name for name in QUEUES}
        found = [workers[name] for answer in self._ping(list(workers)) for name in answer if name in workers]
        return dict.fromkeys([NAME, *found], time.time())

    def wait_until_it_answers(self, process: Process) -> None:
        """Raises `StackError` where Redis dies or does not answer within 30 s."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if process.pid is None:
                raise StackError(f"Redis died: {process.last_words()}", f"See {process.log}.")
            if time.monotonic() > deadline:
                raise StackError(f"Redis did not answer within {START_TIMEOUT_S:.0f} s.", f"See {process.log}.")
            time.sleep(0.1)

    def _answers(self) -> bool:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        try:
            with redis.Redis(
                LOOPBACK, self.port, password=self.password, socket_timeout=ANSWER_WITHIN_S,
                socket_connect_timeout=ANSWER_WITHIN_S, retry=Retry(NoBackoff(), 0),
            ) as client:  # fmt: skip
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _ping(self, names: list[str]) -> list[dict[str, Any]]:
        import redis
        from celery import Celery
        from kombu.exceptions import OperationalError

        options = {"socket_timeout": ANSWER_WITHIN_S, "socket_connect_timeout": ANSWER_WITHIN_S}
        try:
            with Celery(broker=self.url, set_as_current=False, broker_transport_options=options) as application:
                answers: list[dict[str, Any]] = application.control.ping(names, timeout=ANSWER_WITHIN_S) or []
                return answers
        except (OperationalError, redis.RedisError, OSError):  # it may die just now
            return []
