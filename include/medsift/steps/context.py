"""What every step is given: the run, its settings, the volume, the store or none, and whom to tell of progress."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from medsift.settings import Settings
from medsift.store import Store
from medsift.volume import Volume

Summary = dict[str, Any]  # small, JSON-able: what a task hands on and a person reads


def _tell_nobody(step: str, done: int, total: int) -> None:
    """Default: no progress is shown."""


@dataclass(frozen=True)
class Context:
    """The surroundings of a step. `progress(step, done, total)` is called as work is done."""

    run_id: str
    settings: Settings
    volume: Volume
    store: Store | None = None
    progress: Callable[[str, int, int], None] = field(default=_tell_nobody)

    @classmethod
    def of_run(cls, settings: Settings, run_id: str) -> Self:
        """The context of a planned run, as any worker finds it: settings as the plan saved them."""
        volume = Volume(settings.volume)
        saved = settings.of_run(volume.run_settings(run_id))
        return cls(run_id, saved, volume, Store.open(saved.database_url) if saved.database_url else None)
