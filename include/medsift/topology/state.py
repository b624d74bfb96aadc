"""What is known of a stack from outside: its state file, the lock of its supervisor, the ports it has chosen."""

import fcntl
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Literal

from medsift.topology.layout import StackLayout, write_private
from medsift.topology.processes import free_port

OWNED_BY_ANOTHER = 3  # exit status of a supervisor whose stack has one already
Phase = Literal["starting", "ready", "recovering", "stopping", "stopped", "failed"]


@dataclass
class StackState:
    """How a stack is. `reason` says what is being done or went wrong; `started` in seconds since 1970.

    `database` is the address for analysts, who may read: it holds a password, and the state file is private.
    """

    pid: int
    started: float
    phase: Phase = "starting"
    reason: str = ""
    address: str = ""
    database: str = ""
    pids: dict[str, int | None] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)


def write_state(layout: StackLayout, state: StackState) -> None:
    """Let others see the state."""
    write_private(layout.state, json.dumps(asdict(state)))


def read_state(layout: StackLayout) -> StackState | None:
    """The last state told, whether its supervisor still lives or not; None where there never was one."""
    try:
        return StackState(**json.loads(layout.state.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


@contextmanager
def locked(layout: StackLayout, patience_s: float = 0.0) -> Iterator[bool]:
    """Hold the supervisor's lock; yields whether it could be had. The kernel frees it when its holder dies.

    The supervisor itself is patient: somebody may be looking whether the lock is free just now.
    """
    deadline = time.monotonic() + patience_s
    with layout.lock.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    yield False
                    return
                time.sleep(0.05)
        yield True


def is_supervised(layout: StackLayout) -> bool:
    """Whether a supervisor lives."""
    if not layout.lock.exists():
        return False
    with locked(layout) as was_free:
        return not was_free


def choose_ports(layout: StackLayout, names: Sequence[str]) -> dict[str, int]:
    """A free port for each name: the one used before where nobody has taken it since."""
    try:
        before = json.loads(layout.ports.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        before = {}
    chosen = {name: free_port(int(before.get(name, 0))) for name in names}
    write_private(layout.ports, json.dumps(before | chosen))
    return chosen
