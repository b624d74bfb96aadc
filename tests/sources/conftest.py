"""Real servers on loopback, a door that is let through to them, and pictures to serve."""

import hashlib
import io
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import Tools
from medsift.sources.http import Door

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """A web server: `routes` maps a path to what answers it; `requests` is what it was asked."""

    server: ThreadingHTTPServer
    routes: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def host(self) -> str:
        address, port = self.server.server_address[:2]
        return f"{address!s}:{port}"

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}{path}"

    def serve(self, path: str, body: bytes = b"", status: int = 200, content_type: str = "", **headers: str) -> str:
        """Answer `path` so from now on; headers with underscores for hyphens. Returns the whole address."""
        stated = {"Content_Type": content_type, "Content_Length": str(len(body)), **headers}

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in stated.items():
                if value:
                    handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body)

        self.routes[path] = answer
        return self.url(path)

    def page(self, html: str | bytes, path: str = "/", content_type: str = "text/html; charset=utf-8") -> str:
        return self.serve(path, html.encode() if isinstance(html, str) else html, content_type=content_type)

    def pictures(self, *paths: str) -> None:
        for path in paths:
            self.serve(path, self.picture(path), content_type="image/png")

    @staticmethod
    def picture(name: str, file_format: str = "PNG", size: tuple[int, int] = (300, 240)) -> bytes:
        """A picture whose colour depends on `name`."""
        out = io.BytesIO()
        Image.new("RGB", size, "#" + hashlib.sha256(name.encode()).hexdigest()[:6]).save(out, file_format)
        return out.getvalue()


def serving(address: str, port: int = 0) -> Site:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.requests.append((self.path, dict(self.headers)))
            answer = site.routes.get(self.path.partition("?")[0])
            try:
                answer(self) if answer else self.send_error(404)
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    site = Site(Server((address, port), Handler))
    threading.Thread(target=site.server.serve_forever, args=(0.02,), daemon=True).start()
    return site


@pytest.fixture
def serve() -> Iterator[Callable[..., Site]]:
    """Starts a server at an address of loopback and, if given, a port."""
    started: list[Site] = []

    def start(address: str, port: int = 0) -> Site:
        started.append(serving(address, port))
        return started[-1]

    yield start
    for site in started:
        site.server.shutdown()
        site.server.server_close()


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    """The server that setting allowed_hosts lets through."""
    return serve("127.0.0.1")


@pytest.fixture
def private_site(serve: Callable[..., Site]) -> Iterator[Site]:
    """A server that must never hear from medsift."""
    private = serve("127.0.0.1")
    yield private
    assert private.requests == []


@pytest.fixture
def settings(site: Site) -> Settings:
    return Settings(allowed_hosts=[site.host], http_timeout_s=0.3, http_max_mb=1)


@pytest.fixture
def door(settings: Settings) -> Door:
    return Door(settings)


@pytest.fixture(scope="module")
def pdf_sandbox() -> Iterator[Sandbox]:
    """With time and memory enough for the largest document that is made here."""
    with Sandbox(Limits(60, 3072)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def tools(settings: Settings, sandbox: Sandbox, door: Door) -> Tools:
    return Tools(settings, sandbox, door)


class Connections:
    """Addresses that this process connected to, as the interpreter itself reports them."""

    def __init__(self) -> None:
        self.made: list[object] = []
        self.is_on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.is_on and event == "socket.connect":
            self.made.append(arguments[1])


CONNECTIONS = Connections()


@pytest.fixture
def connections() -> Iterator[list[object]]:
    CONNECTIONS.made.clear()
    CONNECTIONS.is_on = True
    yield CONNECTIONS.made
    CONNECTIONS.is_on = False


@pytest.fixture
def numeric_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C library still reads every spelling of a numeric address; names are not asked of any server."""
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: int, **kwargs: int) -> object:
        return real(host, port, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
