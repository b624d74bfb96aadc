"""Which tasks a run of a DAG had to wait for, one after the other, and how long each was inside its step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """The last try of a task instance. Times in seconds since 1970; `inside_s` is what the step itself took."""

    step: str
    map_index: int
    pool: str
    queued: float
    begun: float
    ended: float
    inside_s: float


@dataclass(frozen=True)
class Link:
    """A task on the critical path, with the seconds from the end of what it waited for to its own beginning."""

    task: Task
    waited_s: float

    @property
    def around_s(self) -> float:
        """Seconds of the task that were not spent in its step: imports, connections, reporting its end."""
        return self.task.ended - self.task.begun - self.task.inside_s


def critical_path(
    tasks: Sequence[Task],
    triggered: float,
    waits_for: Callable[[Task, Task], bool],
    slots: Mapping[str, int],
    most: int,
) -> list[Link]:
    """The chain that decided when the run ended, from its trigger to its last task.

    A task was held up by whichever ended last of those it depends on (`waits_for(task, other)`) and those that freed
    the slot it was queued into: all `most` slots, or all `slots` of its pool, were taken until then. Airflow may queue
    more than it has workers for: once queued, it was held up by whichever freed a worker while `most` were at work.
    The gaps of the chain are the orchestrator's, never the work of other tasks that the machine had no room for.
    """
    links: list[Link] = []
    current: Task | None = max(tasks, key=lambda task: task.ended)
    while current is not None:
        held_up_by = [
            other for other in tasks
            if (
                other.ended <= current.queued
                and (waits_for(current, other) or _freed_slot(tasks, other, current.pool, slots, most))
            )
            or (current.queued < other.ended <= current.begun and _freed_worker(tasks, other, most))
        ]  # fmt: skip
        before = max(held_up_by, key=lambda task: task.ended, default=None)
        links.append(Link(current, current.begun - (before.ended if before else triggered)))
        current = before
    return links[::-1]


def _freed_slot(tasks: Sequence[Task], other: Task, pool: str, slots: Mapping[str, int], most: int) -> bool:
    """Whether there was no room, in the pool or at all, until `other` ended."""
    held = [task for task in tasks if task.queued < other.ended <= task.ended]
    in_pool = [task for task in held if task.pool == pool]
    return len(held) >= most or (other.pool == pool and len(in_pool) >= slots.get(pool, most))


def _freed_worker(tasks: Sequence[Task], other: Task, most: int) -> bool:
    """Whether all workers were busy until `other` ended."""
    return sum(task.begun < other.ended <= task.ended for task in tasks) >= most


def waits_in_graph(downstream: Mapping[str, Sequence[str]], grouped: Sequence[tuple[str, str]]) -> Any:
    """`waits_for` of a graph of steps: each task on all of the step before, in a mapped group on that of its index."""

    def waits_for(task: Task, other: Task) -> bool:
        if task.step not in downstream[other.step]:
            return False
        return (other.step, task.step) not in grouped or task.map_index == other.map_index

    return waits_for
