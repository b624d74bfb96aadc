"""Where the embedded stack keeps its files, and its secrets, made once."""

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medsift.errors import StackError
from medsift.volume import Volume

ADMIN = "admin"


@dataclass(frozen=True)
class StackLayout:
    """The folder of one stack. Two checkouts have two volumes, hence two stacks that share nothing."""

    root: Path

    @classmethod
    def of(cls, volume: Volume) -> "StackLayout":
        """The layout on a volume."""
        return cls(volume.stack)

    @property
    def postgres(self) -> Path:
        """Folder of the embedded PostgreSQL."""
        return self.root / "postgres"

    @property
    def broker(self) -> Path:
        """Folder of the embedded Redis."""
        return self.root / "redis"

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME."""
        return self.root / "airflow"

    @property
    def logs(self) -> Path:
        """Folder with one log a process."""
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def state(self) -> Path:
        """What the supervisor tells of the stack."""
        return self.root / "state.json"

    @property
    def secrets(self) -> Path:
        """Keys that Airflow's processes share."""
        return self.root / "secrets.json"

    @property
    def passwords(self) -> Path:
        """Password file of Airflow's users, in the form its SimpleAuthManager reads."""
        return self.root / "passwords.json"

    @property
    def ports(self) -> Path:
        """Ports chosen for this stack; kept, so that addresses stay the same while they are free."""
        return self.root / "ports.json"

    def prepare(self) -> None:
        """Make the folders; raises `StackError` where that is impossible."""
        try:
            for folder in (self.root, self.airflow_home, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StackError(f"The stack's folder {self.root} cannot be written: {error.strerror}.") from error


@dataclass(frozen=True)
class StackSecrets:
    """Keys of one stack. `password` is that of Airflow's user `admin`."""

    fernet_key: str
    jwt_secret: str
    session_secret: str
    broker_password: str
    password: str


MADE: dict[str, Callable[[], str]] = {
    "fernet_key": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "jwt_secret": lambda: secrets.token_hex(48),
    "session_secret": lambda: secrets.token_hex(32),
    "broker_password": lambda: secrets.token_hex(24),
}


def ensure_secrets(layout: StackLayout) -> StackSecrets:
    """Read the stack's secrets, or make those that are missing; only their owner may read the files."""
    keys = json.loads(layout.secrets.read_text(encoding="utf-8")) if layout.secrets.exists() else {}
    missing = {name: make() for name, make in MADE.items() if name not in keys}
    if missing:
        write_private(layout.secrets, json.dumps(keys | missing))
    if not layout.passwords.exists():
        write_private(layout.passwords, json.dumps({ADMIN: secrets.token_urlsafe(18)}))
    return StackSecrets(**keys, **missing, password=admin_password(layout))


def admin_password(layout: StackLayout) -> str:
    """Password of Airflow's user `admin`; raises `StackError` where the file has none."""
    try:
        return str(json.loads(layout.passwords.read_text(encoding="utf-8"))[ADMIN])
    except (OSError, ValueError, KeyError):
        raise StackError(
            f"There is no password of user {ADMIN} in {layout.passwords}.",
            "Remove the file; `make up` makes a new one.",
        ) from None


def write_private(path: Path, text: str) -> None:
    """Write a file, whole or not at all, that only its owner may read."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp creates with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink()
        raise
