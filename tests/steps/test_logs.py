"""What may be secret in an address gets into no log line and no name of a task."""

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from medsift.settings import Settings
from medsift.steps import local_context, plan
from medsift.steps.local import find_pictures

SECRET = "s3cret"
PAGE = (
    f'<img src="/gone.png?token={SECRET}"><img src="/text.png?token={SECRET}"><img src="/ok?token={SECRET}">'.encode()
)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_page = self.path.startswith("/page")
        body = PAGE if is_page else b"no picture"
        self.send_response(404 if "gone" in self.path else 200)
        self.send_header("Content-Type", "text/html" if is_page else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def host() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_queries_and_credentials_of_addresses_are_in_no_log_line_and_no_name_of_a_task(
    host: str, plain_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = plain_settings.model_copy(update={"allowed_hosts": [host]})
    sources = [
        f"http://{host}/page?token={SECRET}", f"http://{host}/gone?token={SECRET}",
        f"http://anna:{SECRET}@{host}/page", f"http://{host}/text?token={SECRET}",
    ]  # fmt: skip
    with local_context(settings, sources) as context:
        names = plan.run(context, sources, "cli")["batches"]
        find_pictures(context, sources)
    assert "answered 404" in caplog.text
    assert "/text.png is no picture" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in repr(names)
