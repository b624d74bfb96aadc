"""The review queue as it is handed out: ready at once, fresh, and the same picture to two people only at its end."""

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from medsift.store import QueuedPicture, Store

log = logging.getLogger(__name__)
DEPTH = 2000  # pictures held ready
FRESH_S = 60.0  # after that it is asked for again, in the background: labels change what is worth asking
HELD_S = 600.0  # how long a picture that was handed to one person is kept from others


@dataclass
class ReviewQueue:
    """Pictures in the order in which their labels would teach most, as the store said at most a minute ago.

    To weigh 100,000 pictures takes the database longer than a person should wait for the next one.
    """

    store: Store
    _pictures: list[QueuedPicture] = field(default_factory=list)
    _read_at: float = float("-inf")
    _holders: dict[str, tuple[str, float]] = field(default_factory=dict)
    _settled: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def hand_out(self, person: str, count: int, without: Collection[str] = ()) -> list[QueuedPicture]:
        """The next pictures for this person, but for those that the person has already.

        Where only such are left as others hold, those that they come to last: whoever is slower is told.
        """
        self._ensure_fresh()
        handed = self._choose(person, count, frozenset(without))
        if not handed and time.monotonic() - self._read_at > 1.0:
            self._read()
            handed = self._choose(person, count, frozenset(without))
        return handed or self._last(count, frozenset(without))

    def look(self, count: int, without: Collection[str] = ()) -> list[QueuedPicture]:
        """The next pictures for somebody who does not label: nobody else gets others for it."""
        self._ensure_fresh()
        with self._lock:
            return [each for each in self._pictures if each.sha256 not in without][:count]

    def waiting(self) -> int:
        """How many pictures wait, as far as they are held ready."""
        with self._lock:
            return len(self._pictures)

    def settle(self, sha256s: Collection[str]) -> None:
        """These have a label now."""
        gone, now = set(sha256s), time.monotonic()
        with self._lock:
            self._pictures = [picture for picture in self._pictures if picture.sha256 not in gone]
            self._settled = {sha256: at for sha256, at in self._settled.items() if now - at < HELD_S}
            self._settled |= dict.fromkeys(gone, now)

    def bring_back(self) -> None:
        """Labels were taken back: what is held is out of date, and read anew in the background."""
        with self._lock:
            self._read_at = min(self._read_at, time.monotonic() - FRESH_S)
            self._settled.clear()

    def _choose(self, person: str, count: int, without: frozenset[str]) -> list[QueuedPicture]:
        now = time.monotonic()
        with self._lock:
            self._holders = {key: held for key, held in self._holders.items() if now - held[1] < HELD_S}
            free = (
                picture
                for picture in self._pictures
                if picture.sha256 not in without and self._holders.get(picture.sha256, (person, 0))[0] == person
            )
            chosen = [picture for picture, _ in zip(free, range(count), strict=False)]
            self._holders |= {picture.sha256: (person, now) for picture in chosen}
        return chosen

    def _last(self, count: int, without: frozenset[str]) -> list[QueuedPicture]:
        with self._lock:
            return [each for each in reversed(self._pictures) if each.sha256 not in without][:count]

    def _ensure_fresh(self) -> None:
        age = time.monotonic() - self._read_at
        if age <= FRESH_S:
            return
        if age == float("inf") or not self._pictures:
            self._read()
        elif not self._reading.locked():
            threading.Thread(target=self._read_quietly, daemon=True).start()

    def _read(self) -> None:
        with self._reading:
            begun = time.monotonic()
            found = self.store.review_queue(DEPTH)
            with self._lock:
                # What was labelled while the database was weighing is not asked for again.
                late = {sha256 for sha256, at in self._settled.items() if at >= begun}
                self._pictures = [picture for picture in found if picture.sha256 not in late]
                self._read_at = time.monotonic()

    def _read_quietly(self) -> None:
        try:
            self._read()
        except Exception:
            log.exception("the review queue could not be read anew")
