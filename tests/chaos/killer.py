"""Kills processes of a stack at random moments of its runs, and says after each whether a row was lost or doubled.

    python -m tests.chaos.killer [--seed 1] [--first-round 1] [--kills 200]

What is killed and when depends on the seed and the round alone: a round that went wrong is done again, and a long
session gone on with, by its number.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

from medsift.errors import MedsiftError
from tests.faults.hurt_stack import HurtStack, hurt_stack
from tests.waiting import wait_until

PROCESSES = ("worker", "worker-gpu", "scheduler", "api-server", "dag-processor", "redis")
TARGETS = ("task", "task", "task", "postgres", *PROCESSES)  # tasks hold the work, so they are hit most
KILLS_A_ROUND = (1, 3)
WITHIN_S = 40.0  # a run that nobody disturbs takes about so long


@dataclass(frozen=True)
class Round:
    """What came of one run: which targets were hit after how many seconds, how it ended, what it left otherwise."""

    number: int
    hits: list[tuple[float, str]]
    seconds: float
    state: str
    differing: list[str]

    @property
    def is_whole(self) -> bool:
        return self.state == "success" and not self.differing

    def __str__(self) -> str:
        hits = ", ".join(f"{target} at {at:.1f} s" for at, target in self.hits)
        outcome = "as undisturbed" if self.is_whole else f"{self.state}, differing: {', '.join(self.differing) or '-'}"
        return f"round {self.number}: {hits}; ended after {self.seconds:.0f} s, {outcome}"


@dataclass
class Killer:
    """Kills in one stack, by one seed."""

    stack: HurtStack
    seed: int
    hits: Counter[str] = field(default_factory=Counter)

    def rounds(self, first: int, kills: int) -> Iterator[Round]:
        """Rounds from `first` on, until so many processes were killed."""
        number = first
        while sum(self.hits.values()) < kills:
            yield self.round(number)
            number += 1

    def round(self, number: int) -> Round:
        """One run with its kills."""
        chance = random.Random(f"{self.seed} {number}")  # noqa: S311  to be repeated, not to be kept secret
        planned = sorted(
            (chance.uniform(0, WITHIN_S), chance.choice(TARGETS)) for _ in range(chance.randint(*KILLS_A_ROUND))
        )
        run, begun, hits = f"chaos-{self.seed}-{number}", time.monotonic(), []
        self.stack.begin(run)
        for at, target in planned:
            time.sleep(max(0.0, begun + at - time.monotonic()))
            if self._kill(target, run):
                hits.append((time.monotonic() - begun, target))
                self.hits[target] += 1
        state = self.stack.ended(run, 900)
        seconds = time.monotonic() - begun
        self.stack.assert_nothing_is_left(run)
        now = self.stack.left()
        return Round(number, hits, seconds, state, [name for name in now if now[name] != self.stack.undisturbed[name]])

    def _kill(self, target: str, run: str) -> bool:
        """Whether there was anything to kill, and it is dead."""
        find: dict[str, Callable[[], int | None]] = {
            "task": lambda: next((task["pid"] for task in self.stack.tasks(run) if task["state"] == "running"), None),
            "postgres": self.stack.postmaster,
        }
        try:
            pid = find.get(target, lambda: self.stack.state.pids.get(target))()
        except (MedsiftError, psycopg2.Error):  # hurt already: there is nothing to be found
            return False
        with suppress(ProcessLookupError):
            if pid:
                os.kill(pid, signal.SIGKILL)
                return True
        return False


def main() -> int:
    """Kill until it is enough; 1 where a round did not end as an undisturbed run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first-round", type=int, default=1)
    parser.add_argument("--kills", type=int, default=200)
    arguments = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="medsift-chaos-") as folder:
        Path(folder).chmod(0o755)  # as root the database runs as a system user, which has to get in
        with hurt_stack(Path(folder) / "var") as stack:
            killer = Killer(stack, arguments.seed)
            for done in killer.rounds(arguments.first_round, arguments.kills):
                print(done, flush=True)  # noqa: T201  it is a program
                bad += not done.is_whole
            wait_until(lambda: stack.state.phase == "ready", 120)
    print(f"{sum(killer.hits.values())} kills ({dict(killer.hits)}), {bad} rounds not as undisturbed")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
