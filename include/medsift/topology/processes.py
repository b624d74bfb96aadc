"""Child processes of the stack: each a session of its own with its own log, ended whole."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from medsift.settings import MARKER
from medsift.topology.environment import LOOPBACK

PR_SET_PDEATHSIG = 1
MAX_LOG_BYTES = 20 * 2**20
CALM_S = 60.0  # a process that ran so long is no longer counted as crashing
MAX_DELAY_S = 60.0


@dataclass
class Process:
    """A long-running child that is started again, later and later, when it dies."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    grace_s: float = 30.0
    restarts: int = 0
    started: float = 0.0  # seconds since 1970
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _delay: float = 1.0
    _not_before: float = 0.0

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def exit_status(self) -> int | None:
        """How it ended; None while it runs."""
        return self._child.poll() if self._child is not None else None

    def start(self) -> None:
        """Start it; what it prints goes to its log."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".1.log"))
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                cwd=self.environment["AIRFLOW_HOME"],
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509  # the supervisor has one thread
            )
        self.started = time.time()

    def trim_log(self) -> None:
        """Move what it has printed aside once that is much; it goes on at the beginning of the emptied file."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".1.log"))
            os.truncate(self.log, 0)

    def keep(self) -> bool:
        """Start it again if it has died and its delay is over; True when it was started."""
        if self.pid is not None:
            return False
        now = time.monotonic()
        if self._child is not None:
            self.kill_session()  # what a dead scheduler leaves behind would go on for good
            self._child = None
            self._delay = 1.0 if time.time() - self.started > CALM_S else min(self._delay * 2, MAX_DELAY_S)
            self._not_before = now + self._delay
        if now < self._not_before:
            return False
        self.restarts += 1
        self.start()
        return True

    def terminate(self) -> None:
        """Ask it to end."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> None:
        """Wait for its end for as long as it is granted, then end its whole session."""
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(self.grace_s)
            self.kill_session()

    def kill_session(self) -> None:
        """End the process and all of its session at once: Airflow gives each task a group of its own."""
        if self._child is None:
            return
        while living := _session_of(self._child.pid):
            for pid in living:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._child.wait()

    def last_words(self) -> str:
        """The last line of its log that says something went wrong, or the last one."""
        lines = [line.strip() for line in _tail(self.log).splitlines() if line.strip()]
        telling = [line for line in lines if "error" in line.lower()]
        return (telling or lines or ["it said nothing"])[-1][:300]


def _end_with_parent() -> None:
    """Runs in the child: the kernel ends it when the supervisor dies, however that came about."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _tail(path: Path, size: int = 8192) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode(errors="replace")


def _session_of(leader: int) -> list[int]:
    """Process ids of a session, zombies left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:  # gone meanwhile
            continue
        if int(session) == leader and state not in "ZX":
            found.append(int(entry.name))
    return found


def processes_of(stack: Path) -> list[int]:
    """Process ids that carry this stack's marker in their environment, ours excepted."""
    marker = f"{MARKER}={stack}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if marker in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


def sweep(stack: Path, grace_s: float = 10.0) -> int:
    """End every process that still carries this stack's marker; how many there were."""
    begun, found = time.monotonic(), processes_of(stack)
    left = found
    while left:
        late = time.monotonic() - begun > grace_s
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        time.sleep(0.2)
        left = processes_of(stack)
    return len(found)


def free_port(preferred: int = 0) -> int:
    """A port on loopback that nobody listens on: the preferred one if it is free."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
                return int(probe.getsockname()[1])
            except OSError:
                continue
    raise OSError("no free port on loopback")
