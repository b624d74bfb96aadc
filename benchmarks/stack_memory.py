"""Memory and disk of the embedded stack: idle, and at most while it sorts the sample.

    make up && python benchmarks/stack_memory.py [--json F]      (on a volume that has not sorted the sample yet)

Memory is the proportional set size (PSS) of every process whose environment names the stack, PostgreSQL's included:
pages shared by several processes count once.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from processes import PeakMemory, parents, pss_mb, with_children

from medsift.settings import Settings
from medsift.topology.layout import StackLayout
from medsift.topology.stack import status
from medsift.volume import Volume

IDLE_S = 20.0


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    settings = Settings.load()
    if status(settings) is None:
        sys.exit("The stack is down: make up.")
    layout = StackLayout.of(Volume(settings.volume))
    time.sleep(IDLE_S)
    measured = {
        "idle_mb": stack_mb(layout),
        "sorting_mb": peak_while_sorting(layout),
        "environment_mb": disk_mb(Path(sys.prefix)),
        "volume_mb": disk_mb(settings.volume),
    }
    for name, value in measured.items():
        print(f"{name:<16}{value:8.0f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n")


def peak_while_sorting(layout: StackLayout) -> float:
    """The most the stack held while `medsift stack run` sorted the sample, in MB."""
    with PeakMemory(lambda: stack_mb(layout)) as peak:
        subprocess.run([sys.executable, "-m", "medsift.cli", "stack", "run"], check=True, capture_output=True)
    return peak.mb


def stack_mb(layout: StackLayout) -> float:
    """PSS of all processes of the stack now, in MB."""
    return pss_mb(stack_pids(layout))


def stack_pids(layout: StackLayout) -> set[int]:
    """Processes that carry the stack's mark, PostgreSQL's processes, and all their children."""
    marks = (f"MEDSIFT_STACK={layout.root}".encode(), str(layout.postgres).encode())
    parent_of = parents()
    members = {pid for pid in parent_of if any(mark in _told_of(pid) for mark in marks)}
    return with_children(members, parent_of) - {os.getpid()}


def _told_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def disk_mb(folder: Path) -> float:
    """What a folder takes on disk, in MB."""
    counted = subprocess.run(["du", "-sm", str(folder)], capture_output=True, text=True, check=True)
    return float(counted.stdout.split()[0])


if __name__ == "__main__":
    main()
