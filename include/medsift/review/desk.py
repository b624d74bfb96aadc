"""What all routes share: the store, the files, the queue, and who is told when enough labels have come in."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request

from medsift.errors import MedsiftError
from medsift.review.identity import User
from medsift.review.queue import ReviewQueue
from medsift.review.runs import Runs
from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.steps.profile import prompt_set
from medsift.store import Changes, PictureFilter, Store, Wish
from medsift.volume import Volume

log = logging.getLogger(__name__)
ENOUGH = 50  # labels after which a new model set may be worth its fit, whether or not anybody presses Done
OnLabels = Callable[[User, int], None]


@dataclass
class Desk:
    """One app's state; safe to use from several threads."""

    store: Store
    settings: Settings
    runs: Runs
    on_labels: OnLabels
    queue: ReviewQueue = field(init=False)
    reader: Sandbox = field(init=False)
    reading: threading.Lock = field(default_factory=threading.Lock)  # a sandbox serves one at a time
    _untold: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.queue = ReviewQueue(self.store)
        self.reader = Sandbox(Limits.of(self.settings))

    @property
    def volume(self) -> Volume:
        """Where pictures, documents and uploads lie."""
        return Volume(self.settings.volume)

    @cached_property
    def _kinds_of_prompts(self) -> frozenset[str]:
        try:
            return frozenset(prompt.kind for prompt in prompt_set(self.settings).prompts)
        except MedsiftError:  # runs say what is wrong with them; labelling does not hang on it
            return frozenset()

    def kinds(self) -> list[str]:
        """Kinds that prompts tell of, and those that stored pictures have."""
        of_pictures = {kind.lower() for _, kind, _ in self.store.totals(PictureFilter()).kinds}
        return sorted((self._kinds_of_prompts | of_pictures) - {""})

    def label(self, user: User, wishes: Sequence[Wish], *, overwrites: bool) -> Changes:
        """Store what this person says; what somebody else said unseen is left as it is, unless `overwrites`."""
        changes = self.store.give_labels(wishes, user.name, overwrites=overwrites)
        self.queue.settle([change.sha256 for change in (*changes.given, *changes.refused)])
        self._count(user, len(changes.given))
        return changes

    def take_back(self, user: User, ids: Sequence[int]) -> Changes:
        """Say again what was said before these labels of this person."""
        changes = self.store.take_back_labels(ids, user.name)
        self.queue.bring_back()
        with self._counting:
            self._untold = max(0, self._untold - len(changes.given))
        return changes

    def done(self, user: User) -> int:
        """This person has finished for now: tell of the labels that nobody was told of yet; how many they are.

        Where telling fails they are told of the next time.
        """
        with self._counting:
            count, self._untold = self._untold, 0
        try:
            if count:
                self.on_labels(user, count)
        except BaseException:
            with self._counting:
                self._untold += count
            raise
        return count

    def close(self) -> None:
        """End what was started."""
        self.reader.close()
        self.store.close()

    def _count(self, user: User, given: int) -> None:
        with self._counting:
            self._untold += given
            is_enough = self._untold >= ENOUGH
        if is_enough:
            try:
                self.done(user)
            except Exception:  # the labels are stored: that nobody could be told of them costs nobody a label
                log.exception("nobody could be told of new labels")


def desk_of(request: Request) -> Desk:
    """The desk of the app that is asked."""
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(desk_of)]
