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
import threading
import time
from pathlib import Path

from medsift.settings import Settings
from medsift.topology.layout import StackLayout
from medsift.topology.stack import status
from medsift.volume import Volume

IDLE_S = 20.0
EVERY_S = 0.5


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
    peak, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, stack_mb(layout))
            done.wait(EVERY_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    subprocess.run([sys.executable, "-m", "medsift.cli", "stack", "run"], check=True, capture_output=True)
    done.set()
    watcher.join()
    return peak


def stack_mb(layout: StackLayout) -> float:
    """PSS of all processes of the stack now, in MB."""
    return sum(pss_kb(pid) for pid in stack_pids(layout)) / 1024


def stack_pids(layout: StackLayout) -> list[int]:
    """Processes that carry the stack's mark, PostgreSQL's processes, and all their children."""
    parents: dict[int, int] = {}
    members: set[int] = set()
    marks = (f"MEDSIFT_STACK={layout.root}".encode(), str(layout.postgres).encode())
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            pid = int(entry.name)
            parents[pid] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            told = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if any(mark in told for mark in marks):
            members.add(pid)
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in members} - members
        members |= children
        grown = bool(children)
    return [pid for pid in members if pid != os.getpid()]


def pss_kb(pid: int) -> int:
    """PSS of one process in kB; 0 if it is gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def disk_mb(folder: Path) -> float:
    """What a folder takes on disk, in MB."""
    counted = subprocess.run(["du", "-sm", str(folder)], capture_output=True, text=True, check=True)
    return float(counted.stdout.split()[0])


if __name__ == "__main__":
    main()
