"""The door to the network: the only way medsift fetches an address.

Public addresses only, checked when the connection is made and on every redirect; limits on size and time; no
cookies, no credentials, no proxies and no netrc from the environment.
"""

import logging
import re
import time
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urldefrag, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError, InvalidHeader, NameResolutionError
from urllib3.util import Retry, parse_url

from medsift import __version__
from medsift.errors import SourceError, TemporaryError
from medsift.settings import Settings
from medsift.sources._web.addresses import is_odd_spelling
from medsift.sources._web.manners import NAME, Manners, is_refused
from medsift.sources._web.wire import CheckedAdapter, Deadline, Guard

log = logging.getLogger(__name__)
logging.getLogger("urllib3").setLevel(logging.INFO)  # its debug lines hold whole addresses, with their queries

MAX_REDIRECTS = 5
ROBOTS = "/robots.txt"
HINT = "Setting obey_robots says whether that counts."
TRIES = 3
MAX_PAUSE_S = 10.0  # a server that asks for a longer pause is left to the next run
WHOLE_FETCH_TIMEOUTS = 15  # a fetch, with redirects and retries, may take so many times http_timeout_s
CHUNK_BYTES = 64 * 1024
BUSY = {408, 425, 429, 500, 502, 503, 504}
RETRIED = {429, 502, 503, 504}
ENCODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}
FINAL: tuple[tuple[type[Exception], str], ...] = (
    (requests.exceptions.SSLError, "The address {} has no valid certificate."),
    (requests.exceptions.ContentDecodingError, "The answer of {} cannot be decompressed."),
    (requests.exceptions.InvalidURL, "The address {} is malformed."),
    (requests.exceptions.InvalidHeader, "The answer of {} has malformed headers."),
)
PASSING: tuple[tuple[type[Exception], str], ...] = (
    (NameResolutionError, "The host of {} has no address just now."),
    (TimeoutError, "The server of {} did not answer in time."),
    (requests.exceptions.ChunkedEncodingError, "The answer of {} ended before it was whole."),
)
UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True)
class Fetched:
    """An answer. `url` is the address after so many `redirects`; with `is_unchanged` (status 304) there is no data."""

    url: str
    status: int
    content_type: str
    data: bytes
    etag: str
    last_modified: str
    is_unchanged: bool
    redirects: int = 0


class _Again(Exception):  # noqa: N818  not an error yet: the fetch may be tried once more
    def __init__(self, sentence: str, pause_s: float | None = None, is_worth_it: bool = True) -> None:
        super().__init__(sentence)
        self.sentence, self.pause_s, self.is_worth_it = sentence, pause_s, is_worth_it


class Door:
    """Fetches addresses within the limits of `settings`. Not for several threads at once: give each its own, with the
    same `manners`.

    Hosts in `allowed_hosts` are one's own: they are not asked for robots.txt and no pause is made.
    """

    def __init__(self, settings: Settings, manners: Manners | None = None) -> None:
        self._manners = manners or Manners(settings.http_delay_s)
        self._obeys_robots = settings.obey_robots
        self._timeout_s = settings.http_timeout_s
        self._max_bytes = settings.http_max_mb * 2**20
        self._guard = Guard(settings.allowed_hosts)
        self._adapter = CheckedAdapter(self._guard)

    def get(
        self, url: str, *, etag: str = "", last_modified: str = "", accept: str | None = None, redirects: int = 0
    ) -> Fetched:
        """What lies at `url`; `etag` and `last_modified` of an earlier answer make the question conditional.

        `redirects`: how many of those allowed led here already.

        Raises `TemporaryError` where a later try may succeed, else `SourceError`; both name address and reason.
        """
        asked = {"Accept": accept or "*/*", "If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in asked.items() if value}
        with Deadline(self._timeout_s * WHOLE_FETCH_TIMEOUTS) as deadline:
            self._guard.deadline = deadline
            try:
                return self._patiently(url, headers, deadline, redirects)
            finally:
                self._guard.deadline = None

    def _patiently(
        self, url: str, headers: dict[str, str], deadline: Deadline, redirects: int = 0, *, is_for_robots: bool = False
    ) -> Fetched:
        for attempt in range(TRIES):
            try:
                return self._follow(url, headers, deadline, redirects, is_for_robots)
            except _Again as again:
                pause_s = min(0.5 * 2**attempt, self._timeout_s) if again.pause_s is None else again.pause_s
                is_last = attempt == TRIES - 1 or deadline.is_over or not again.is_worth_it
                if is_last or pause_s > MAX_PAUSE_S:
                    raise TemporaryError(again.sentence) from again
                log.info("%s Next try in %.1f s.", again.sentence, pause_s)
                time.sleep(pause_s)
        raise AssertionError("unreachable: the last try returns or raises")

    def _follow(
        self, url: str, headers: dict[str, str], deadline: Deadline, redirects: int, is_for_robots: bool
    ) -> Fetched:
        for count in range(redirects, MAX_REDIRECTS + 1):
            request = _prepared(url, headers)
            address = urldefrag(str(request.url)).url
            # What a host's rules are is asked without asking for rules: one host may send to another, or to itself.
            if self._obeys_robots and not is_for_robots and not self._is_robots(address):
                self._ask_robots(address, deadline)
            try:
                with self._turn(address), closing(self._sent(request)) as response:
                    target = _redirect_target(response)
                    if target is None:
                        return replace(self._answer(address, response, headers, deadline), redirects=count)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise _failure(address, error, deadline) from error
            url = _joined(address, target)
        raise SourceError(f"The address {shown(url)} is one of more than {MAX_REDIRECTS} redirects in a row.")

    def _sent(self, request: requests.PreparedRequest) -> requests.Response:
        return self._adapter.send(request, stream=True, timeout=(self._timeout_s, self._timeout_s))

    def _turn(self, address: str) -> AbstractContextManager[None]:
        return nullcontext() if self._guard.is_own(address) else self._manners.of(_origin(address)).turn()

    def _is_robots(self, address: str) -> bool:
        return self._guard.is_own(address) or urlsplit(address).path == ROBOTS

    def _ask_robots(self, address: str, deadline: Deadline) -> None:
        """Raise `SourceError` where robots.txt forbids the address; without one nothing is forbidden (RFC 9309)."""

        def robots() -> bytes:
            try:
                where = _origin(address) + ROBOTS
                return self._patiently(where, {"Accept": "text/plain"}, deadline, is_for_robots=True).data
            except TemporaryError as error:
                raise TemporaryError(
                    f"Whether {shown(address)} may be fetched is not known just now. {error}"
                ) from error
            except SourceError:
                return b""

        if not self._manners.of(_origin(address)).allows(address, robots):
            raise SourceError(f"The address {shown(address)} is not fetched: robots.txt of its host forbids it.", HINT)

    def _answer(
        self, address: str, response: requests.Response, headers: dict[str, str], deadline: Deadline
    ) -> Fetched:
        status = response.status_code
        is_conditional = "If-None-Match" in headers or "If-Modified-Since" in headers
        is_unchanged = status == HTTPStatus.NOT_MODIFIED and is_conditional
        if not is_unchanged:
            _check_status(address, response)
        if self._obeys_robots and not self._is_robots(address) and is_refused(response.headers.get("X-Robots-Tag", "")):
            raise SourceError(f"The server of {shown(address)} asks that it is not taken (X-Robots-Tag).", HINT)
        data = b"" if is_unchanged else self._body(address, response, deadline)
        log.info("GET %s: %d, %d bytes", shown(address), status, len(data))
        return Fetched(
            url=address,
            status=status,
            content_type=response.headers.get("Content-Type", ""),
            data=data,
            etag=response.headers.get("ETag", "") or (headers.get("If-None-Match", "") if is_unchanged else ""),
            last_modified=response.headers.get("Last-Modified", "")
            or (headers.get("If-Modified-Since", "") if is_unchanged else ""),
            is_unchanged=is_unchanged,
        )

    def _body(self, address: str, response: requests.Response, deadline: Deadline) -> bytes:
        """The body, decompressed; both what is announced and what comes are held to the limit."""
        too_large = f"The answer of {shown(address)} is larger than {self._max_bytes // 2**20} MB (http_max_mb)."
        announced = response.headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced[:20]) > self._max_bytes:
            raise SourceError(too_large)
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ENCODINGS:  # several, one within another, unpack to more than is ever seen
            raise SourceError(f"The answer of {shown(address)} is encoded as {encoding[:40]!r}.")
        data = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            data += chunk
            if len(data) > self._max_bytes:
                raise SourceError(too_large)
        if deadline.is_over:  # a body without a length ends like a whole one when its connection is cut
            raise _late(address, deadline)
        return bytes(data)


def shown(url: str) -> str:
    """An address as it may stand in logs, rows and sentences: without credentials, query and fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return repr(url[:60])
    return f"{parts.scheme}://{host}{parts.path}"[:500] if host else repr(url[:60])


def _prepared(url: str, headers: dict[str, str]) -> requests.PreparedRequest:
    """A request for `url`, once its form is checked; raises `SourceError`."""
    try:
        _check_form(url)
        prepared = requests.Request("GET", url, headers={**headers, **_manners()}).prepare()
        # Once more as it will be sent: names in other scripts have become ASCII by now.
        _check_form(str(prepared.url))
    except (requests.RequestException, HTTPError, ValueError) as error:
        raise SourceError(f"The address {shown(url)} is malformed.") from error
    return prepared


def _manners() -> dict[str, str]:
    return {"User-Agent": f"{NAME}/{__version__}", "Accept-Encoding": "gzip, deflate"}


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _check_form(url: str) -> None:
    parts = parse_url(url)
    if parts.scheme not in ("http", "https"):
        raise SourceError(f"The address {shown(url)} is refused: only http and https are fetched.")
    authority = re.split(r"[/?#]", url.partition("//")[2], maxsplit=1)[0]
    if parts.auth is not None or "@" in authority:
        raise SourceError(f"The address {shown(url)} is refused: it carries credentials.")
    host = parts.host or ""
    if not host or UNSAFE.search(authority):
        raise SourceError(f"The address {shown(url)} is malformed.")
    if host.endswith(".") or is_odd_spelling(host):
        raise SourceError(f"The address {shown(url)} is refused: its host is spelt in an unusual way.")


def _redirect_target(response: requests.Response) -> str | None:
    if not response.is_redirect:
        return None
    return response.headers["Location"].encode("latin-1", "replace").decode("utf-8", "replace")


def _joined(address: str, target: str) -> str:
    try:
        return urljoin(address, target.strip())
    except ValueError as error:
        raise SourceError(f"The address {shown(address)} redirects to a malformed address.") from error


def _check_status(address: str, response: requests.Response) -> None:
    status = response.status_code
    if HTTPStatus.OK <= status < HTTPStatus.PARTIAL_CONTENT:
        return
    known = next((entry.phrase for entry in HTTPStatus if entry == status), "unknown")
    sentence = f"The server of {shown(address)} answered {status} ({known})."
    if status in BUSY:
        raise _Again(sentence, _retry_after(response), is_worth_it=status in RETRIED)
    raise SourceError(sentence)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait, or None where it does not say so in a way that can be read."""
    try:
        return Retry().parse_retry_after(response.headers.get("Retry-After", ""))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _late(address: str, deadline: Deadline) -> _Again:
    return _Again(f"The answer of {shown(address)} was not whole after {deadline.seconds:g} s.", is_worth_it=False)


def _failure(address: str, error: Exception, deadline: Deadline) -> Exception:
    """Every way in which a fetch fails below HTTP, as a sentence: the one place where they are told apart."""
    if deadline.is_over:
        return _late(address, deadline)
    for kinds, sentence in FINAL:
        if isinstance(error, kinds):
            return SourceError(sentence.format(shown(address)))
    causes = _causes(error)
    for kinds, sentence in PASSING:
        if any(isinstance(cause, kinds) for cause in causes):
            # The resolver has asked several times itself.
            return _Again(sentence.format(shown(address)), is_worth_it=kinds is not NameResolutionError)
    return _Again(f"There is no connection to the server of {shown(address)}.")


def _causes(error: BaseException) -> list[BaseException]:
    """An error and everything it wraps, through `__cause__`, `__context__`, `reason` and arguments."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and not any(one is other for other in found):
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
