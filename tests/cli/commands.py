"""The command line as a child process, and the tables it leaves."""

import csv
import subprocess
import sys
from pathlib import Path


def medsift_command(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medsift.cli", *map(str, arguments)]
    inherited = {"PATH": "/usr/bin:/bin", "HOME": str(cwd)}
    return subprocess.run(
        command, cwd=cwd, env=inherited | environment, capture_output=True, text=True, check=False, timeout=300
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
