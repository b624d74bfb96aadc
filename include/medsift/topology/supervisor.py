"""The supervisor: one detached process that owns a stack, restarts what dies and takes everything down with it.

Run as `python -m medsift.topology.supervisor`, with the settings in the environment. It holds the stack's lock for
as long as it lives and tells of the stack in `state.json`. SIGTERM ends it.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from types import FrameType

from medsift.errors import MedsiftError, StackError
from medsift.settings import MARKER, Settings
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.broker import NAME as REDIS
from medsift.topology.broker import Broker
from medsift.topology.environment import LOOPBACK, airflow_environment
from medsift.topology.layout import ADMIN, StackLayout, ensure_secrets
from medsift.topology.postgres import EmbeddedPostgres, Urls
from medsift.topology.processes import Process, sweep
from medsift.topology.roster import AIRFLOW, roster
from medsift.topology.state import OWNED_BY_ANOTHER, Phase, StackState, choose_ports, locked, write_state
from medsift.volume import Volume

log = logging.getLogger("medsift.supervisor")

DAG = "medsift_sort"
START_TIMEOUT_S = 240.0
LOOK_EVERY_S = 1.0
HEALTH_EVERY_S = 10.0
HUNG_AFTER_S = 120.0


class Supervisor:
    """Starts, watches and stops one stack."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = StackLayout.of(Volume(settings.volume))
        self.postgres = EmbeddedPostgres(self.layout.postgres)
        self.roles = roster(self.layout, with_celery=settings.topology == "celery")
        self.processes: list[Process] = []
        self.broker: Broker | None = None
        self._migrated = self.layout.postgres / "airflow-migrated"
        self.state = StackState(pid=os.getpid(), started=time.time())
        self._ending = threading.Event()
        self._sick_since: dict[str, float] = {}

    def run(self) -> None:
        """Until SIGTERM: start, watch, stop. What goes wrong at the start is left in the state, then raised."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        reason = ""
        try:
            self._start()
            if not self._ending.is_set():
                self._watch()
        except MedsiftError as error:
            reason = str(error)
            self._migrated.unlink(missing_ok=True)  # in case the database was made anew behind our back
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._stop(reason)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ending.set()

    def _tell(self, phase: Phase, reason: str = "") -> None:
        pids = {process.name: process.pid for process in self.processes}
        restarts = {process.name: process.restarts for process in self.processes}
        state = StackState(**{**vars(self.state), "phase": phase, "reason": reason, "pids": pids, "restarts": restarts})
        if state == self.state:
            return
        try:
            write_state(self.layout, state)
        except OSError as error:  # on a full disk the stack is mended all the same, and told of once there is room
            log.warning("the stack's state cannot be written: %s", error.strerror)
            return
        self.state = state

    def _start(self) -> None:
        self._tell("starting", "looking for leftovers")
        sweep(self.layout.root)
        self._start_broker()
        self.port = choose_ports(self.layout, ["airflow"])["airflow"]
        self.state.address = f"http://{LOOPBACK}:{self.port}"
        self.client = AirflowClient(self.state.address, ADMIN, ensure_secrets(self.layout).password)
        self._tell("starting", "database")
        self.urls = self.postgres.ensure_running()
        self.state.database = self.urls.reader
        environment = self._environment()
        self._migrate(self.urls.owner, environment)
        started = [
            Process(role.name, role.command, environment, self.layout.logs / f"{role.name}.log", role.grace_s)
            for role in self.roles
        ]
        self.processes = started + self.processes
        if self._ending.is_set():
            return
        for process in reversed(started):
            process.start()
        self._tell("starting", "Airflow")
        self._wait_for("Airflow to take tasks", self.client.takes_tasks)
        self._wait_for("Airflow to be healthy", self._is_healthy)
        self.client.ensure_pool("gpu", 1, "Tasks that need the GPU, one at a time")
        self._wait_for("Airflow to read the DAGs", self._has_dag)
        if self._ending.is_set():
            return
        self._tell("ready")
        log.info("ready at %s", self.state.address)

    def _start_broker(self) -> None:
        if self.settings.topology != "celery":
            return
        self._tell("starting", "Redis")
        port = choose_ports(self.layout, [REDIS])[REDIS]
        self.broker = Broker(self.layout, port, ensure_secrets(self.layout).broker_password)
        process = self.broker.process({MARKER: str(self.layout.root), "AIRFLOW_HOME": str(self.layout.airflow_home)})
        self.processes = [process]
        process.start()
        self.broker.wait_until_it_answers(process)

    def _environment(self) -> dict[str, str]:
        product = {"MEDSIFT_VOLUME": str(self.settings.volume), "MEDSIFT_DATABASE_URL": self.urls.task}
        keys = ensure_secrets(self.layout)
        return airflow_environment(
            self.layout,
            keys,
            port=self.port,
            airflow_url=self.urls.airflow,
            product=product,
            broker_url=self.broker.url if self.broker else "",
        )

    def _migrate(self, owner_url: str, environment: dict[str, str]) -> None:
        from medsift.store import migrate

        self._tell("starting", "tables")
        migrate(owner_url)
        # `airflow db migrate` takes seconds where there is nothing to do; the note lies with the database it is about.
        wanted = version("apache-airflow-core")
        if self._migrated.exists() and self._migrated.read_text(encoding="utf-8") == wanted:
            return
        process = Process("migrate", [*AIRFLOW, "db", "migrate"], environment, self.layout.logs / "migrate.log")
        process.start()
        while process.pid is not None:
            if self._ending.wait(0.2):
                process.kill_session()
                return
        if process.exit_status != 0:
            raise StackError(f"Airflow's tables cannot be made: {process.last_words()}", f"See {process.log}.")
        self._migrated.write_text(wanted, encoding="utf-8")

    def _wait_for(self, what: str, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._ending.is_set():
            dead = next((process for process in self.processes if process.pid is None), None)
            if dead:
                raise StackError(f"Airflow's {dead.name} died: {dead.last_words()}", f"See {dead.log}.")
            if is_there():
                return
            if time.monotonic() > deadline:
                raise StackError(f"Waited {START_TIMEOUT_S:.0f} s for {what}.", f"See {self.layout.logs}.")
            self._ending.wait(0.2)

    def _is_healthy(self) -> bool:
        return not self._sick()

    def _sick(self) -> list[Process]:
        """Processes that are dead or have not shown a sign of life since they were started."""
        seen = self.client.health() | (self.broker.signs() if self.broker else {})
        signs = {role.name: role.sign for role in self.roles} | {REDIS: REDIS}
        return [p for p in self.processes if p.pid is None or seen.get(signs[p.name], 0.0) < p.started]

    def _has_dag(self) -> bool:
        if self.client.has_dag(DAG):
            return True
        errors = self.client.import_errors()
        if errors:
            raise StackError(f"A DAG cannot be read: {errors[0]}")
        return False

    def _watch(self) -> None:
        next_health = time.monotonic() + HEALTH_EVERY_S
        while not self._ending.wait(LOOK_EVERY_S):
            has_database = self._keep_database()
            is_hurt = any(process.pid is None for process in self.processes)
            for process in self.processes:
                if process.keep():
                    log.warning("%s had died; it is started again", process.name)
            if is_hurt or self.state.phase != "ready" or time.monotonic() >= next_health:
                next_health = time.monotonic() + HEALTH_EVERY_S
                self._look_at_health(has_database)

    def _keep_database(self) -> bool:
        if self.postgres.is_running():
            return True
        log.warning("the database is gone; it is started again")
        self._tell("recovering", "database")
        try:
            self._follow(self.postgres.ensure_running())
        except MedsiftError as error:
            log.error("%s", error)
            self._tell("recovering", str(error))
            self._ending.wait(5.0)
            return False
        return True

    def _follow(self, urls: Urls) -> None:
        """A database that found its port taken has another one now: Airflow must know."""
        if urls == self.urls:
            return
        self.urls = urls
        self.state.database = urls.reader
        for process in self.processes:
            if process.name != REDIS:
                process.environment = self._environment()
                process.kill_session()

    def _look_at_health(self, has_database: bool) -> None:
        """Tell how it goes; end what lives but has not answered for long, so that it is started again."""
        sick, now = self._sick(), time.monotonic()
        for process in self.processes:
            with suppress(OSError):  # no room: then later
                process.trim_log()
            if process not in sick or not has_database:
                self._sick_since.pop(process.name, None)
            elif now - self._sick_since.setdefault(process.name, now) > HUNG_AFTER_S:
                log.warning("%s has not answered for %.0f s; it is ended", process.name, HUNG_AFTER_S)
                process.kill_session()
                del self._sick_since[process.name]
        if sick:
            self._tell("recovering", ", ".join(process.name for process in sick))
        else:
            self._tell("ready")

    def _stop(self, reason: str) -> None:
        self._tell("stopping", reason)
        broker = [process for process in self.processes if process.name == REDIS]
        for stage in ([process for process in self.processes if process not in broker], broker):
            for process in stage:
                process.terminate()
            for process in stage:
                process.wait()
        sweep(self.layout.root, grace_s=5.0)
        self.postgres.stop()
        self._tell("failed" if reason else "stopped", reason)
        log.info("stopped")


def main() -> int:
    """Own the stack of `MEDSIFT_VOLUME`; 1 where the start failed, another status where somebody owns it already."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings.load()
    layout = StackLayout.of(Volume(settings.volume))
    layout.prepare()
    with locked(layout, patience_s=2.0) as is_ours:
        if not is_ours:
            log.error("another supervisor owns this stack")
            return OWNED_BY_ANOTHER
        try:
            Supervisor(settings).run()
        except MedsiftError as error:
            log.error("%s", error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
