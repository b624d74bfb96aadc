"""Whether a PostgreSQL is at work in a data folder, and its pid file where that outlived it."""

import os
from pathlib import Path

PID_FILE = "postmaster.pid"


def is_at_work(data: Path) -> bool:
    """Whether a process works in that folder: PostgreSQL's all do, also those that outlived their postmaster."""
    place = str(data.resolve())
    return any(_folder_of(process) == place for process in Path("/proc").iterdir() if process.name.isdigit())


def forget_dead(data: Path) -> None:
    """Remove the pid file of a server that is no more.

    After a restart of the machine, or in a copied folder, its number is another program's: that would keep the server
    from starting, and get the signal that is meant to stop it.
    """
    if not is_at_work(data):
        (data / PID_FILE).unlink(missing_ok=True)


def _folder_of(process: Path) -> str:
    try:
        return os.readlink(process / "cwd")  # noqa: PTH115  text is what is compared
    except OSError:  # gone meanwhile, or another user's
        return ""
