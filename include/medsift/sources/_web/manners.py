"""What hosts ask of their visitors: robots.txt, X-Robots-Tag, pauses between requests, few of them at a time.

Shared by the doors of a process: each door serves one thread.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from protego import Protego

NAME = "medsift"  # as rules of robots.txt call us
AT_ONCE = 2  # requests to one host
MAX_DELAY_S = 10.0  # a longer Crawl-delay is not waited for
MAX_ROBOTS_BYTES = 500 * 1024  # RFC 9309, section 2.5
MAX_RULES = 5000  # of the groups that are for us
REFUSING = {"noindex", "noimageindex", "none"}


class Host:
    """One scheme, name and port: its rules, and whose turn it is."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._rules: Protego | None = None
        self._asking, self._waiting = threading.Lock(), threading.Lock()
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._free_at = 0.0

    def allows(self, url: str, robots: Callable[[], bytes]) -> bool:
        """Whether its robots.txt lets us fetch `url`; `robots` fetches it at the first question, what that raises is
        raised and asked anew the next time."""
        with self._asking:
            if self._rules is None:
                self._rules = Protego.parse(for_us(robots()[:MAX_ROBOTS_BYTES].decode("utf-8", "replace")))
                asked_s = self._rules.crawl_delay(NAME) or 0.0
                self._delay_s = max(self._delay_s, min(asked_s, MAX_DELAY_S))
        return bool(self._rules.can_fetch(url, NAME))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A block in which one request may be made."""
        with self._slots:
            with self._waiting:
                time.sleep(max(0.0, self._free_at - time.monotonic()))
                self._free_at = time.monotonic() + self._delay_s
            yield


class Manners:
    """All hosts that were met; `delay_s` is the least pause between two requests to one of them."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._hosts: dict[str, Host] = {}
        self._lock = threading.Lock()

    def of(self, origin: str) -> Host:
        """The host behind `scheme://name:port`."""
        with self._lock:
            return self._hosts.setdefault(origin, Host(self._delay_s))


def for_us(robots: str) -> str:
    """The rules of a robots.txt that are for us or for all visitors.

    A parser's work and memory grow with visitors times rules, and anybody may write a file of both.
    """
    kept: list[str] = []
    is_ours = had_rule = False
    for line in robots.splitlines():
        name, colon, value = (part.strip() for part in line.partition("#")[0].partition(":"))
        name = name.lower()
        if name.replace("-", "").replace(" ", "") == "useragent":
            is_ours, had_rule = is_ours and not had_rule, False
            visitor = value.lower()
            if visitor == "*" or (visitor and (visitor in NAME or NAME in visitor)):
                is_ours = True
                kept.append(f"User-agent: {value}")
        elif colon and not name.startswith(("sitemap", "host")):
            had_rule = True
            if is_ours:
                kept.append(f"{name}: {value}")
    return "\n".join(kept[:MAX_RULES])


def is_refused(robots_tag: str) -> bool:
    """Whether a header X-Robots-Tag asks visitors like us not to take what it comes with.

    Rules may be headed by a visitor's name, which holds until the next one: `otherbot: noindex, nofollow`.
    """
    speaks_to_us = True
    for part in robots_tag.lower().split(","):
        name, colon, rule = part.partition(":")
        if colon and name.strip() not in ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"):
            speaks_to_us = name.strip() in (NAME, "*")
        else:
            rule = part
        if speaks_to_us and rule.strip() in REFUSING:
            return True
    return False
