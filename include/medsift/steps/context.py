"""What every step is given: the run, its settings, the volume, the store or none, and whom to tell of progress."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from medsift.errors import StoreError
from medsift.machine import usable_cores
from medsift.pictures.workers import Workers
from medsift.sandbox import Limits
from medsift.settings import Settings
from medsift.store import Store
from medsift.volume import Volume

log = logging.getLogger(__name__)
Summary = dict[str, Any]  # small, JSON-able: what a task hands on and a person reads
Progress = Callable[[str, int, int], None]


def _tell_nobody(step: str, done: int, total: int) -> None:
    """Default: no progress is shown."""


@dataclass(frozen=True)
class Context:
    """The surroundings of a step, closed at the end of a `with` block.

    `progress(step, done, total)` is called as work is done.
    """

    run_id: str
    settings: Settings
    volume: Volume
    store: Store | None = None
    progress: Progress = field(default=_tell_nobody)

    @classmethod
    def opened(
        cls,
        settings: Settings,
        run_id: str,
        *,
        volume: Volume | None = None,
        is_stored: bool = True,
        progress: Progress | None = None,
    ) -> Self:
        """A context with its store open; raises `StoreError` where a store is asked for and there is none."""
        if is_stored and not settings.database_url:
            raise StoreError(
                "No database is set.", "Set MEDSIFT_DATABASE_URL, or start the embedded stack with `make up`."
            )
        store = Store.open(settings.database_url) if is_stored else None
        return cls(run_id, settings, volume or Volume(settings.volume), store, progress or _tell_nobody)

    @classmethod
    def of_run(cls, settings: Settings, run_id: str) -> Self:
        """The context of a planned run, as any worker finds it: settings as the plan saved them."""
        return cls.opened(settings.of_run(Volume(settings.volume).run_settings(run_id)), run_id)

    @cached_property
    def workers(self) -> Workers:
        """Warm child processes in which files are opened, one a core unless a setting says otherwise.

        The same for all steps that run in this context: starting them and importing decoders costs a second.
        """
        return Workers(self.settings.num_workers or usable_cores(), Limits.of(self.settings))

    @property
    def hides_dicom_paths(self) -> bool:
        """Whether paths of DICOM files are replaced by a keyed hash: in stored runs, unless a setting says no."""
        return self.store is not None and not self.settings.keep_dicom_paths

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "workers" in vars(self):
            self.workers.close()
        if self.store is not None:
            self.store.close()
