"""Up, down and status of the embedded stack, as a person or a script asks for them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from medsift.errors import StackError
from medsift.settings import Settings
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.broker import require_celery
from medsift.topology.environment import project_root
from medsift.topology.layout import ADMIN, StackLayout, admin_password
from medsift.topology.postgres import EmbeddedPostgres
from medsift.topology.processes import sweep
from medsift.topology.state import OWNED_BY_ANOTHER, StackState, is_supervised, read_state
from medsift.volume import Volume

NEEDED_BYTES = 500 * 2**20
UP_TIMEOUT_S = 300.0
DOWN_TIMEOUT_S = 90.0


def status(settings: Settings) -> StackState | None:
    """How the stack is; None where it is down (a stack whose supervisor was killed counts as down)."""
    layout = StackLayout.of(Volume(settings.volume))
    return read_state(layout) if is_supervised(layout) else None


def up(settings: Settings, tell: Callable[[str], None]) -> StackState:
    """Start the stack and wait until it is ready; `tell` is given what is being waited for.

    Raises `StackError` where it is up already, where there is no room, or with what kept it from starting.
    """
    volume = Volume(settings.volume)
    layout = StackLayout.of(volume)
    project_root()
    if settings.topology == "celery":
        require_celery()
    if is_supervised(layout):
        raise StackError("The stack is up already.", "`make status` shows it, `make down` stops it.")
    volume.prepare()
    layout.prepare()
    check_room(layout.root)
    layout.state.unlink(missing_ok=True)
    supervisor = _start_supervisor(settings, layout)
    try:
        return _wait_until_ready(layout, supervisor, tell)
    except BaseException:
        if supervisor.poll() != OWNED_BY_ANOTHER:  # whoever was faster keeps the stack
            down(settings)
        raise


def down(settings: Settings) -> bool:
    """Stop the stack and all that it started; whether there was anything to stop. Raises `StackError`."""
    layout = StackLayout.of(Volume(settings.volume))
    state = status(settings)
    if state is not None:
        os.kill(state.pid, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_TIMEOUT_S
        while is_supervised(layout):
            if time.monotonic() > deadline:
                os.kill(state.pid, signal.SIGKILL)
                break
            time.sleep(0.1)
    left = sweep(layout.root) if layout.root.exists() else 0
    database = EmbeddedPostgres(layout.postgres)
    is_left = layout.postgres.exists() and database.is_running()
    if is_left:
        database.stop()
    return state is not None or left > 0 or is_left


def client(settings: Settings) -> AirflowClient:
    """Airflow's REST API of the stack that is up; raises `StackError` where none is."""
    layout = StackLayout.of(Volume(settings.volume))
    state = status(settings)
    if state is None or not state.address:
        raise StackError("The stack is down.", "`make up` starts it.")
    return AirflowClient(state.address, ADMIN, admin_password(layout))


def check_room(folder: Path, needed: int = NEEDED_BYTES) -> None:
    """Raise `StackError` where fewer than `needed` bytes are free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StackError(
            f"There are {free / 2**20:.0f} MB free at {folder}; the stack needs {needed / 2**20:.0f} MB.",
            "Free some, or set MEDSIFT_VOLUME to a folder on another disk.",
        )


def _start_supervisor(settings: Settings, layout: StackLayout) -> "subprocess.Popen[bytes]":
    with (layout.logs / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "medsift.topology.supervisor"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | settings.options_as_environment() | {"MEDSIFT_VOLUME": str(settings.volume)},
            cwd="/",
            start_new_session=True,  # a Ctrl-C at the terminal is not its business
        )


def _wait_until_ready(
    layout: StackLayout, supervisor: "subprocess.Popen[bytes]", tell: Callable[[str], None]
) -> StackState:
    deadline, told = time.monotonic() + UP_TIMEOUT_S, ""
    while time.monotonic() < deadline:
        state = read_state(layout)
        if state and state.phase == "ready":
            return state
        if supervisor.poll() == OWNED_BY_ANOTHER:
            raise StackError("The stack is just being started by somebody else.", "Try again in half a minute.")
        if supervisor.poll() is not None:
            if state and state.phase == "failed":
                raise StackError(f"The stack did not start: {state.reason}")
            raise StackError("The stack did not start: its supervisor died.", f"See {layout.logs}/supervisor.log.")
        if state and state.phase == "starting" and state.reason != told:
            told = state.reason
            tell(told)
        time.sleep(0.1)
    raise StackError(f"The stack was not ready after {UP_TIMEOUT_S:.0f} s.", f"See {layout.logs}.")
