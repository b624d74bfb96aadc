"""Fetching published weights: with `sources/http.py` the only other door to the network.

It opens addresses of the manifest alone, so what guards sources against strange addresses is not needed here. A fetch
that breaks off is gone on with where it stood; nothing takes its place on the volume before its SHA-256 was compared.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests

from medsift import __version__
from medsift.errors import WeightsError
from medsift.settings import Settings
from medsift.volume import Volume, sha256_of_file
from medsift.weights.local import Pin
from medsift.weights.published import Published

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]

TRIES = 5  # in a row without a byte received
PAUSE_S = 0.5  # before the second try, twice as long before each further one
MAX_REDIRECTS = 5
CHUNK_BYTES = 2**16
BUSY = {408, 425, 429, 500, 502, 503, 504}
PASSING = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class _Busy(requests.ConnectionError):
    """The server asks to come again."""


def fetch(wanted: Published, settings: Settings, progress: Progress) -> Path:
    """Fetch weights onto the settings' volume unless they are there; `progress(file, bytes done, bytes in all)`.

    Raises `WeightsError` where the address cannot be reached or what it gives has not the pinned digest.
    """
    volume = Volume(settings.volume)
    target = Pin.of(wanted).path(volume)
    with _alone(volume.weights_partial(wanted.sha256), wanted.name) as file:
        partial = Path(file.name)
        if target.exists():
            partial.unlink()
            return target
        with closing(_session(settings)) as session:
            _receive(session, wanted, file, settings.http_timeout_s, progress)
        os.fsync(file.fileno())
        _require_digest(partial, wanted)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(target)
    return target


@contextmanager
def _alone(partial: Path, name: str) -> Iterator[BinaryIO]:
    """The growing file, opened at its end, for one process at a time."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WeightsError(f"The weights {name} are being fetched by another process.") from None
        yield file


def _session(settings: Settings) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # proxy and certificates come from settings, never from the environment
    session.headers.update({"User-Agent": f"medsift/{__version__}", "Accept-Encoding": "identity"})
    if settings.weights_proxy:
        session.proxies = dict.fromkeys(("http", "https"), settings.weights_proxy)
    if settings.weights_ca_file:
        session.verify = str(settings.weights_ca_file)
    return session


def _receive(
    session: requests.Session, wanted: Published, file: BinaryIO, timeout_s: float, progress: Progress
) -> None:
    """Go on until the file has its size; tries that bring nothing are counted, waited after, and given up."""
    fruitless = 0
    while file.tell() < wanted.bytes:
        before = file.tell()
        try:
            _go_on(session, wanted, file, timeout_s, progress)
            reason = "The server sent less than there is."
        except requests.exceptions.SSLError as error:  # a ConnectionError too, but no passing one
            raise _unreachable(wanted, f"its certificate is not trusted ({error})") from None
        except PASSING as error:
            reason = str(error)
        fruitless = fruitless + 1 if file.tell() <= before else 0
        if file.tell() < wanted.bytes:
            if fruitless == TRIES:
                raise _unreachable(wanted, f"{TRIES} tries brought nothing; the last: {reason}")
            log.info("%s broke off at %d bytes, trying again: %s", wanted.file, file.tell(), reason)
            time.sleep(PAUSE_S * 2 ** max(fruitless - 1, 0))


def _go_on(session: requests.Session, wanted: Published, file: BinaryIO, timeout_s: float, progress: Progress) -> None:
    start = file.tell()
    with closing(_open(session, wanted, start, timeout_s)) as response:
        _require_success(response, wanted)
        if not _continues(response, start):
            file.seek(0)
            file.truncate()
            if response.status_code != HTTPStatus.OK:
                return
        for chunk in response.iter_content(CHUNK_BYTES):
            file.write(chunk)
            if file.tell() > wanted.bytes:
                Path(file.name).unlink()
                raise WeightsError(
                    f"{wanted.address} sends more than the {wanted.bytes} bytes that are pinned for {wanted.name}.",
                    "It is not used.",
                )
            progress(wanted.file, file.tell(), wanted.bytes)


def _open(session: requests.Session, wanted: Published, start: int, timeout_s: float) -> requests.Response:
    """The answer after redirects, none of which may lead from https to plain http."""
    address = wanted.address
    headers = {"Range": f"bytes={start}-"} if start else {}
    for _ in range(MAX_REDIRECTS + 1):
        response = session.get(address, headers=headers, timeout=timeout_s, stream=True, allow_redirects=False)
        if not response.is_redirect:
            return response
        response.close()
        onward = urljoin(address, response.headers["Location"])
        if urlsplit(onward).scheme != urlsplit(wanted.address).scheme:
            raise _unreachable(wanted, f"it leads on to {onward}")
        address = onward
    raise _unreachable(wanted, f"it leads on more than {MAX_REDIRECTS} times")


def _require_success(response: requests.Response, wanted: Published) -> None:
    status = response.status_code
    if status in BUSY:
        raise _Busy(f"The server is busy (status {status}).")
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
        raise _unreachable(wanted, f"the server answers with status {status}")


def _continues(response: requests.Response, start: int) -> bool:
    """Whether the answer goes on where the file stands."""
    if not start:
        return response.status_code == HTTPStatus.OK
    stated = response.headers.get("Content-Range", "")
    return response.status_code == HTTPStatus.PARTIAL_CONTENT and stated.startswith(f"bytes {start}-")


def _require_digest(partial: Path, wanted: Published) -> None:
    digest = sha256_of_file(partial)
    if digest != wanted.sha256:
        partial.unlink()
        raise WeightsError(
            f"What {wanted.address} gave is not the file that is pinned: its SHA-256 is {digest}, "
            f"expected is {wanted.sha256}.",
            "It was thrown away.",
        )


def _unreachable(wanted: Published, reason: str) -> WeightsError:
    return WeightsError(
        f"The weights {wanted.name} could not be fetched from {wanted.address}: {reason}.".replace("..", "."),
        f"Fetch the file where there is a way out and bring it: medsift weights import {wanted.name} {wanted.file}",
    )
