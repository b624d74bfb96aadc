"""Does the stack's memory stay flat? Documents nobody has seen come in every minute, and each minute's are a run.

    make up && python benchmarks/soak.py [--minutes 10] [--documents 50] [--json F]

Each document is a PDF with two pictures of noise. Memory is the proportional set size (PSS) of all processes of the
stack, tasks included: the least of each minute tells what stays between tasks, the most what they need.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from machine import machine
from made_papers import make_papers
from PIL import Image
from stack_memory import stack_mb

from medsift.settings import Settings
from medsift.topology.airflow_client import AirflowClient
from medsift.topology.layout import StackLayout
from medsift.topology.run import DAG
from medsift.topology.stack import client, status
from medsift.volume import Volume

SIDE_PX = 128
LOOK_EVERY_S = 3.0
PICTURES = 2


@dataclass(frozen=True)
class Minute:
    """What was measured between one batch of documents and the next."""

    number: int
    run: str
    least_mb: float
    most_mb: float
    unfinished_runs: int


def main() -> None:
    """Soak, print each minute, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--documents", type=int, default=50)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    settings = Settings.load()
    if status(settings) is None:
        sys.exit("The stack is down: make up.")
    minutes = []
    for last in soak(settings, arguments.minutes, arguments.documents):
        print(f"minute {last.number}: {last.least_mb:.0f} to {last.most_mb:.0f} MB, {last.unfinished_runs} unfinished")
        minutes.append(last)
    states = states_at_the_end(settings, minutes)
    print(f"{states.count('success')} of {len(states)} runs succeeded")
    if arguments.json:
        measured = {"machine": machine(), "states": states, "minutes": [asdict(each) for each in minutes]}
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n")


def soak(settings: Settings, minutes: int, documents: int) -> Iterator[Minute]:
    """Each minute as it ends."""
    airflow, begun = client(settings), int(time.time())
    for number in range(minutes):
        yield minute(settings, airflow, f"soak-{begun}-{number}", number, documents)


def states_at_the_end(settings: Settings, minutes: list[Minute]) -> list[str]:
    """How the run of each minute ended, once all have."""
    airflow = client(settings)
    while airflow.unfinished_runs(DAG):
        time.sleep(LOOK_EVERY_S)
    return [airflow.run_state(DAG, each.run) for each in minutes]


def minute(settings: Settings, airflow: AirflowClient, run: str, number: int, documents: int) -> Minute:
    """Bring documents, start their run, and watch memory until a minute is over."""
    ends = time.monotonic() + 60
    folder = Volume(settings.volume).uploads / run
    bring(folder, number, documents)
    airflow.trigger(DAG, run, {"sources": str(folder / "papers")})
    layout, seen = StackLayout.of(Volume(settings.volume)), []
    while time.monotonic() < ends:
        seen.append(stack_mb(layout))
        time.sleep(LOOK_EVERY_S)
    return Minute(number, run, min(seen), max(seen), airflow.unfinished_runs(DAG))


def bring(folder: Path, number: int, documents: int) -> None:
    """Documents of pictures that no other minute has."""
    (folder / "pictures").mkdir(parents=True)
    chance = random.Random(str(folder))  # noqa: S311  noise, no secret
    for each in range(documents * PICTURES):
        noise = Image.frombytes("RGB", (SIDE_PX, SIDE_PX), chance.randbytes(SIDE_PX * SIDE_PX * 3))
        noise.save(folder / "pictures" / f"{each}.png")
    make_papers(folder / "papers", [folder / "pictures"], documents, PICTURES, seed=number)


if __name__ == "__main__":
    main()
