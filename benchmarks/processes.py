"""Memory of processes, as several benchmarks measure it."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self


class PeakMemory:
    """The most that `now` gave in MB while the block ran, asked every `every_s` seconds."""

    def __init__(self, now: Callable[[], float], every_s: float = 0.5) -> None:
        self.mb = 0.0
        self._now, self._every_s = now, every_s
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._done.is_set():
            self.mb = max(self.mb, self._now())
            self._done.wait(self._every_s)


def parents() -> dict[int, int]:
    """The parent of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    return found


def with_children(members: set[int], parent_of: dict[int, int]) -> set[int]:
    """Processes and all that descend from them."""
    grown = set(members)
    while children := {pid for pid, parent in parent_of.items() if parent in grown} - grown:
        grown |= children
    return grown


def pss_mb(pids: set[int]) -> float:
    """Proportional set size: pages shared by several processes count once."""
    return sum(_pss_kb(pid) for pid in pids) / 1024


def _pss_kb(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
