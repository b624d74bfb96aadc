"""Connections whose address is checked at the moment they are made, and which a deadline can cut."""

import socket
import threading
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from medsift.errors import SourceError
from medsift.sources._web.addresses import is_allowed_host, is_public

MOST_TRIED = 4  # addresses of a name: each may take as long as any answer


class Deadline:
    """Ends a whole fetch after `seconds`: shuts every connection it was shown.

    A limit on each wait for data does not stop a server that sends a byte now and then; this does, in the middle of
    a handshake, of headers or of a body.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self._handles: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def watch(self, connected: socket.socket) -> None:
        """Have this connection cut when time is over."""
        # A handle of our own: TLS takes the descriptor away from the first socket object.
        handle = socket.fromfd(connected.fileno(), connected.family, connected.type)
        with self._lock:
            self._handles.append(handle)
            is_late = self.is_over
        if is_late:
            self._cut()

    def _cut(self) -> None:
        with self._lock:
            self.is_over = True
            for handle in self._handles:
                try:
                    handle.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # closed by the other side already

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for handle in self._handles:
                handle.close()
            self._handles.clear()


class Guard:
    """What every connection asks before it is made: which hosts are allowed, how long this fetch may take."""

    def __init__(self, allowed_hosts: list[str]) -> None:
        self.allowed_hosts = frozenset(host.strip().lower() for host in allowed_hosts)
        self.deadline: Deadline | None = None

    def is_own(self, address: str) -> bool:
        """Whether the host of an address is among the allowed ones."""
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return is_allowed_host(parts.hostname or "", port, self.allowed_hosts)

    def checked(self, host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
        """Socket addresses of `host`, all of them checked; raises `SourceError` if one is not public."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not is_allowed_host(host, port, self.allowed_hosts):
            for *_, target in found:
                if not is_public(str(target[0])):
                    raise SourceError(
                        f"Blocked: address {target[0]} of host {host} is not public.",
                        "Setting allowed_hosts lets a host through.",
                    )
        return [(family, target) for family, *_, target in found]

    def watch(self, connected: socket.socket) -> None:
        """Put a connection, new or used again, under the deadline of this fetch."""
        if self.deadline is None:
            raise RuntimeError("a connection outside of a fetch")
        self.deadline.watch(connected)


class _CheckedConnection(HTTPConnection):
    """Connects to the very addresses that were checked: the name is not looked up a second time."""

    guard: Guard

    def _new_conn(self) -> socket.socket:
        try:
            targets = self.guard.checked(self._dns_host.strip("[]"), self.port or self.default_port)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, cast(socket.gaierror, error)) from error
        failure: OSError = OSError("no address")
        for family, target in targets[:MOST_TRIED]:
            try:
                connected = self._connected(family, target)
            except OSError as error:
                failure = error
                continue
            self.guard.watch(connected)
            return connected
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, "timed out") from failure
        raise NewConnectionError(self, failure.strerror or str(failure)) from failure

    def _connected(self, family: socket.AddressFamily, target: tuple[Any, ...]) -> socket.socket:
        connected = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in self.socket_options or ():
                connected.setsockopt(*option)
            connected.settimeout(cast(float, self.timeout))
            connected.connect(target)
        except OSError:
            connected.close()
            raise
        return connected

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            self.guard.watch(self.sock)
        super().request(*args, **kwargs)


class _CheckedTlsConnection(_CheckedConnection, HTTPSConnection):
    """The same with TLS; the certificate is checked against the name, not the address."""


def _pool(
    pool: type[HTTPConnectionPool], connection: type[_CheckedConnection], guard: Guard
) -> type[HTTPConnectionPool]:
    guarded = type(connection.__name__, (connection,), {"guard": guard})
    return type(pool.__name__, (pool,), {"ConnectionCls": guarded})


class CheckedAdapter(HTTPAdapter):
    """A requests adapter all of whose connections are checked by `guard`; knows no proxy."""

    def __init__(self, guard: Guard) -> None:
        super().__init__()
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, _CheckedConnection, guard),
            "https": _pool(HTTPSConnectionPool, _CheckedTlsConnection, guard),
        }
