"""The embedded PostgreSQL: set up once, started, stopped, found again. It listens on 127.0.0.1 and nowhere else.

There is no unix socket, so that no path can be too long and nothing lies in /tmp. The server outlives the process
that started it; `stop` ends it.
"""

import fcntl
import json
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg2

from medsift.errors import StackError
from medsift.store.roles import ROLES, data_directory, prepare_server
from medsift.topology.postgres_home import Home, find_home, no_room
from medsift.topology.postmaster import PID_FILE, forget_dead

ADMIN = "postgres"
# Text sorts by Postgres' own rules: those of a libc change with its version, and indexes over text go wrong.
LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
START_TIMEOUT_S = 30.0
CONFIGURATION = """
# Written by medsift when the database was made.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
jit = off
"""


@dataclass(frozen=True)
class Urls:
    """SQLAlchemy addresses of one server, by role; each holds a password and shows none."""

    owner: str = field(repr=False)
    task: str = field(repr=False)
    reader: str = field(repr=False)
    airflow: str = field(repr=False)
    admin: str = field(repr=False)


@dataclass
class _Server:
    """What is remembered of a server, in a file that only its owner reads."""

    port: int
    passwords: dict[str, str]
    data: str = ""
    is_prepared: bool = False


class EmbeddedPostgres:
    """The PostgreSQL server whose files belong to `folder`, one a folder; usable from several processes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._file = self.folder / "server.json"

    def ensure_running(self) -> Urls:
        """Set up what is missing, start what is not running, and give the addresses.

        Raises `StackError` where there is no room, no system user, or the server does not start within 30 s.
        """
        self._make_folder()
        with self._locked():
            home = find_home(self.folder)
            server = self._remembered() or self._new_server(home)
            server.data = str(home.data)  # a checkout may have been moved
            if not (home.data / "PG_VERSION").exists():
                self._initialise(home, server)
            if not self._answers(server):
                self._start(home, server)
            if not server.is_prepared:
                prepare_server(_url(server, ADMIN, "postgres"), server.passwords)
                server.is_prepared = True
                self._remember(server)
            return _urls(server)

    def urls(self) -> Urls:
        """Addresses of a running server; raises `StackError` where it does not run."""
        server = self._remembered()
        if server is None or not self._answers(server):
            raise StackError("The embedded database does not run.", "Start it with: make up")
        return _urls(server)

    def is_running(self) -> bool:
        """Whether this folder's server answers (one on the same port that has other passwords does not count)."""
        server = self._remembered()
        return server is not None and self._answers(server)

    def stop(self) -> None:
        """End the server, open connections included; nothing happens where none runs."""
        if not self._file.exists():
            return
        with self._locked():
            home = find_home(self.folder)
            forget_dead(home.data)
            if not (home.data / PID_FILE).exists():
                return
            for mode in ("fast", "immediate"):
                done = home.run("pg_ctl", "-D", str(home.data), "-m", mode, "-w", "-t", "30", "stop")
                if done.returncode == 0 or not self.is_running():
                    return
        raise StackError(f"The embedded database does not stop: {done.stdout.strip()}")

    def remove(self) -> None:
        """Stop the server and delete all its files and rows."""
        self.stop()
        if self.folder.exists():
            find_home(self.folder).remove()
            shutil.rmtree(self.folder)

    def bin(self, program: str) -> Path:
        """Path of a bundled program: psql, pg_dump, pg_restore."""
        return find_home(self.folder).bin / program

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(f"The folder {self.folder} cannot be made: {error.strerror}.") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _remembered(self) -> _Server | None:
        try:
            return _Server(**json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def _remember(self, server: _Server) -> None:
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".server.")  # mkstemp: 0600 from the first byte
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(server), file)
            Path(name).replace(self._file)
        except OSError as error:
            Path(name).unlink(missing_ok=True)
            raise no_room(self.folder, str(error.strerror)) from error

    def _new_server(self, home: Home) -> _Server:
        _set_aside(home)
        passwords = {role: secrets.token_urlsafe(24) for role in (ADMIN, *ROLES)}
        server = _Server(_free_port(), passwords, str(home.data))
        self._remember(server)
        return server

    def _initialise(self, home: Home, server: _Server) -> None:
        """Make the data folder beside its place and move it there whole: a killed set-up leaves no half."""
        unfinished = home.data.with_name("data.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        home.give(unfinished)
        handle, name = tempfile.mkstemp(dir=home.data.parent, prefix=".password.")
        password = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(server.passwords[ADMIN])
            home.give(password)
            made = home.run(
                "initdb", "-D", str(unfinished), "-U", ADMIN, "--pwfile", name, "--auth=scram-sha-256", *LOCALE
            )  # fmt: skip
            if made.returncode != 0:
                raise _failure("The embedded database could not be made", made.stdout, home)
            with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as file:
                file.write(CONFIGURATION)
            unfinished.rename(home.data)
        finally:
            password.unlink()
            shutil.rmtree(unfinished, ignore_errors=True)
        server.is_prepared = False

    def _start(self, home: Home, server: _Server) -> None:
        """Start until it answers; a killed server's pid may linger for a while and is waited for."""
        deadline = time.monotonic() + START_TIMEOUT_S
        forget_dead(home.data)
        while True:
            output = self._try_to_start(home, server)
            if self._answers(server):
                return
            if time.monotonic() > deadline or "No space left" in _tail(home.log):
                raise _failure("The embedded database does not start", output, home)
            time.sleep(0.5)

    def _try_to_start(self, home: Home, server: _Server) -> str:
        is_alive = home.run("pg_ctl", "-D", str(home.data), "status").returncode == 0
        if not _is_free(server.port):
            if is_alive:
                return "it runs but does not answer"  # slow, or still recovering
            server.port = _free_port()
        self._remember(server)
        home.log.write_bytes(b"")
        home.give(home.log)
        command = ["-D", str(home.data), "-l", str(home.log), "-w", "-t", "30", "-o", f"-p {server.port}", "start"]
        return home.run("pg_ctl", *command).stdout

    def _answers(self, server: _Server) -> bool:
        if not (Path(server.data) / PID_FILE).exists():
            return False  # whoever listens on that port is another
        try:
            connection = psycopg2.connect(_url(server, ADMIN, "postgres", "postgresql"), connect_timeout=5)
        except psycopg2.OperationalError:
            return False
        try:
            return data_directory(connection) == Path(server.data)  # a copied checkout has the same passwords
        finally:
            connection.close()


def _set_aside(home: Home) -> None:
    """Data outside the folder outlives it: where a folder was removed and made anew, nobody knows its passwords."""
    if (home.data / "PG_VERSION").exists():
        home.data.rename(home.data.with_name(f"{home.data.name}-of-removed-folder-{time.time_ns()}"))


def _url(server: _Server, role: str, database: str, driver: str = "postgresql+psycopg2") -> str:
    return f"{driver}://{role}:{server.passwords[role]}@127.0.0.1:{server.port}/{database}"


def _urls(server: _Server) -> Urls:
    return Urls(
        owner=_url(server, "medsift_owner", "medsift"),
        task=_url(server, "medsift", "medsift"),
        reader=_url(server, "medsift_reader", "medsift"),
        airflow=_url(server, "airflow", "airflow"),
        admin=_url(server, ADMIN, "medsift"),
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _failure(sentence: str, output: str, home: Home) -> StackError:
    said = f"{output}\n{_tail(home.log)}"
    if "No space left" in said:
        return no_room(home.data.parent, "the disk is full")
    lines = [line.strip() for line in said.splitlines() if "FATAL" in line or "error:" in line]
    last = (
        lines[-1].rpartition("FATAL:")[2].strip() if lines else (said.strip().splitlines() or ["no reason given"])[-1]
    )
    return StackError(f"{sentence}: {last.rstrip('.')}.", f"Its log is {home.log}.")


def _tail(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-4000:]
    except FileNotFoundError:
        return ""
