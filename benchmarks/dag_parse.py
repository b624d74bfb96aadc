"""How long reading a DAG file takes beyond Airflow's own imports: what every task and every refresh pays.

    python benchmarks/dag_parse.py [--times 7] [--json F]

Each time in a process of its own: first what the DAG file, its helper and the plugins import from Airflow, then, timed,
the plugins and the file as a whole. Whatever else Airflow loads or builds meanwhile counts as ours. The median counts.
"""

import argparse
import ast
import json
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from machine import machine

ROOT = Path(__file__).parents[1]
DAGS, PLUGINS = ROOT / "dags", ROOT / "plugins"
HELPERS = (DAGS / ".airflowignore").read_text().splitlines()
GOAL_MS = 200.0


def main() -> None:
    """Measure, print a line a file, and write JSON where asked; with `--file`, be the process that is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=7, help="processes for each DAG file")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.file:
        print(json.dumps(measured(wanted.file)))
        return
    files = [file for file in sorted(DAGS.glob("*.py")) if file.name not in HELPERS]
    document: dict[str, Any] = {"machine": machine(), "goal_ms": GOAL_MS, "files": []}
    for file in files:
        found = [in_child(file) for _ in range(wanted.times)]
        row = {
            "file": file.name,
            "milliseconds": round(statistics.median(each["parse_ms"] for each in found), 1),
            "all_milliseconds": [round(each["parse_ms"], 1) for each in found],
            "airflow_imports_ms": round(statistics.median(each["airflow_ms"] for each in found), 1),
        }
        row["is_met"] = row["milliseconds"] <= GOAL_MS
        document["files"].append(row)
        print(
            f"{file.name:24}{row['milliseconds']:8.0f} ms, Airflow's imports {row['airflow_imports_ms']:.0f} ms"
            f"   goal {GOAL_MS:.0f} ms: {'met' if row['is_met'] else 'not met'}"
        )
    if wanted.json:
        wanted.json.write_text(json.dumps(document, indent=1) + "\n")


def in_child(file: Path) -> dict[str, float]:
    """What a fresh process measured, with an Airflow that nobody has set up."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "MEDSIFT"))}
    with tempfile.TemporaryDirectory(prefix="medsift-parse-") as home:
        done = subprocess.run(
            [sys.executable, __file__, "--file", str(file)],
            env=kept | {"AIRFLOW_HOME": home}, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(file: Path) -> dict[str, float]:
    """Milliseconds of Airflow's imports, and of reading the plugins and the file after them."""
    sys.path[:0] = [str(DAGS), str(PLUGINS)]  # as Airflow does
    plugins = sorted(PLUGINS.glob("*.py"))
    helpers = [DAGS / name for name in HELPERS]
    imports = [line for source in (*plugins, *helpers, file) for line in imports_of_airflow(source)]
    begun = time.perf_counter()
    for line in imports:
        exec(line, {})  # noqa: S102  lines of our own files
    loaded = time.perf_counter()
    for source in (*plugins, file):
        runpy.run_path(str(source))
    return {"airflow_ms": (loaded - begun) * 1000, "parse_ms": (time.perf_counter() - loaded) * 1000}


def imports_of_airflow(source: Path) -> Iterator[str]:
    """The statements at the top of a file that import from Airflow."""
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "airflow":
            yield ast.unparse(node)


if __name__ == "__main__":
    main()
