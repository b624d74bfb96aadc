"""What steps share about the machine: rate and memory for the log."""

import logging
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def peak_memory_mb() -> float:
    """Most memory this process or a finished child of it has held, in MB."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(_own_peak_kb(), children) / 1024


def _own_peak_kb() -> int:
    """By Linux's own account: in `ru_maxrss` it counts what the process that started this one held."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


class Rate:
    """Counts what is done, from several threads."""

    def __init__(self) -> None:
        self.done = 0
        self._lock = threading.Lock()

    def step(self, count: int = 1) -> int:
        """Count so many more; the new total."""
        with self._lock:
            self.done += count
            return self.done


@contextmanager
def log_rate(log: logging.Logger, step: str, noun: str, total: int) -> Iterator[Rate]:
    """Log what a step did, how fast and with how much memory, when the block ends well."""
    rate, begun = Rate(), time.monotonic()
    log.info("%s: %d %s to do", step, total, noun)
    yield rate
    seconds = max(time.monotonic() - begun, 1e-6)
    log.info(
        "%s: %d %s in %.1f s (%.1f a second), peak memory %.0f MB",
        step, rate.done, noun, seconds, rate.done / seconds, peak_memory_mb(),
    )  # fmt: skip
