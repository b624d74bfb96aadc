"""Progress of a run in the stack, on standard error: a live table on a terminal, a line a finished step otherwise."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

if TYPE_CHECKING:
    from medsift.topology.progress import StepState


class RunProgress:
    """`show` takes the state of all steps, `tell` a word on what is being done; a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def tell(self, what: str) -> None:
        """Say what is being done before and after the steps."""
        self._console.print(f"stack: {what}", soft_wrap=True)

    def show(self, steps: list["StepState"]) -> None:
        """Show how far the steps are."""
        if self._console.is_terminal:
            self._live.update(_table(steps), refresh=True)
            return
        for step in steps:
            if step.is_done and step.name not in self._told:
                self._told.add(step.name)
                tasks = "" if step.total == 1 else f" {step.total} tasks,"
                line = f"{step.name}:{tasks} {step.seconds:.1f} s  {_counts(step)}"
                self._console.print(line.rstrip(), soft_wrap=True)


def _table(steps: list["StepState"]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for step in steps:
        done = f"{step.done} of {step.total}" if step.total else ""
        mark = "✗" if step.failed else "✓" if step.is_done else " "
        table.add_row(mark, step.name, done, f"{step.seconds:.1f} s", _counts(step))
    return table


def _counts(step: "StepState") -> str:
    failed = [f"{step.failed} failed"] if step.failed else []
    return ", ".join([*failed, *(f"{name.replace('_', ' ')} {value}" for name, value in step.counts.items())])
