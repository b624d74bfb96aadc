"""What a step has done so far, so that a retry after a kill goes on where it stood.

The parts carry the digest of inputs, settings and code; other inputs start afresh. They are gone once the step has
written its tables: clearing a task that had succeeded does its work anew.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from medsift import __version__
from medsift.steps.tables import read_rows, write_rows

R = TypeVar("R")


def digest_of(*parts: Any) -> str:
    """SHA-256 over anything JSON can hold, and over medsift's version."""
    return hashlib.sha256(json.dumps([__version__, *parts], sort_keys=True, default=str).encode()).hexdigest()


class Journal:
    """Finished parts of one unit of work, each a few tables under a key."""

    def __init__(self, folder: Path, digest: str) -> None:
        self._folder = folder.with_name(f"{folder.name}.{digest[:16]}.parts")
        for stale in [*folder.parent.glob(f"{folder.name}.*.parts"), *folder.parent.glob(f"{folder.name}.*.finished")]:
            if stale != self._folder:
                shutil.rmtree(stale, ignore_errors=True)

    def has(self, key: str) -> bool:
        """Whether the part was finished before."""
        return (self._folder / f"{key}.done").exists()

    def record(self, key: str, **tables: tuple[type[Any], Iterable[Any]]) -> None:
        """Keep a finished part: named tables of (record type, rows)."""
        for name, (record, rows) in tables.items():
            write_rows(self._folder / f"{key}.{name}.parquet", record, rows)
        (self._folder / f"{key}.done").touch()

    def rows(self, key: str, name: str, record: type[R]) -> list[R]:
        """The rows of one table of a finished part; raises `FileNotFoundError` where it is not there."""
        path = self._folder / f"{key}.{name}.parquet"
        if not path.exists():
            raise FileNotFoundError(path)
        return read_rows(path, record)

    def finish(self, write: Callable[[], None]) -> None:
        """Write the step's own tables, then forget the parts."""
        write()
        finished = self._folder.with_suffix(".finished")
        if self._folder.exists():
            self._folder.rename(finished)  # at once: a kill in the middle must not leave half of the parts as if whole
        shutil.rmtree(finished, ignore_errors=True)
