"""What machine this is: processor and cores, on which the choice of an engine depends."""

import hashlib
import platform
from pathlib import Path

TOLD_BY = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")


def usable_cores() -> int:
    """Cores this process may use, which in a container are often fewer than the machine has.

    A limit of Docker's is a share of time, of which the processors that the kernel names say nothing.
    """
    import joblib

    return int(joblib.cpu_count())


def processor_name() -> str:
    """As /proc/cpuinfo names it."""
    return _processor().get("model name", platform.machine())


def machine_key() -> str:
    """16 hex digits that change with the processor or the number of cores."""
    told = _processor()
    parts = [told.get(name, "") for name in TOLD_BY] + [str(usable_cores())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _processor() -> dict[str, str]:
    """Of the first core."""
    first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}
