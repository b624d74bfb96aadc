"""A server of weights on loopback that can be told to misbehave; pictures, and vectors of them by plain calls."""

import hashlib
import re
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.pictures.views import views as render_views
from medsift.settings import Settings
from medsift.weights.published import Published

FILE = "weights.pth"


@dataclass
class Mirror:
    """Serves `data` at /weights.pth. `cuts`: how many bytes it sends before it hangs up, one entry an answer."""

    server: ThreadingHTTPServer
    data: bytes
    scheme: str = "http"
    cuts: list[int] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    knows_ranges: bool = True
    redirect: str = ""
    chunk_pause_s: float = 0.0
    asked: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}"

    def entry(self, **values: object) -> Published:
        own = {"bytes": len(self.data), "sha256": hashlib.sha256(self.data).hexdigest()} | values
        return Published("thing", "a thing", f"{self.origin}/{FILE}", licence="none", **own)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.headers.get("Range", ""))
        if self.redirect:
            handler.send_response(302)
            handler.send_header("Location", self.redirect)
            handler.end_headers()
        elif self.refusals:
            handler.send_error(self.refusals.pop(0))
        else:
            self._send(handler)

    def _send(self, handler: BaseHTTPRequestHandler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.knows_ranges else 0
        rest = self.data[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(rest)))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        handler.end_headers()
        sent = rest[: self.cuts.pop(0)] if self.cuts else rest
        for begin in range(0, len(sent), 1 << 18):
            handler.wfile.write(sent[begin : begin + (1 << 18)])
            time.sleep(self.chunk_pause_s)
        handler.close_connection = True


def _start(mirror: Mirror, handler: type[BaseHTTPRequestHandler]) -> None:
    handler.do_GET = lambda self: mirror.answer(self)  # noqa: PLW0108  a bound method would not be given the handler
    handler.log_message = lambda *arguments: None
    threading.Thread(target=mirror.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    handler = type("Handler", (BaseHTTPRequestHandler,), {})
    mirror = Mirror(ThreadingHTTPServer(("127.0.0.1", 0), handler), bytes(range(256)) * 4000)
    _start(mirror, handler)
    yield mirror
    mirror.server.shutdown()
    mirror.server.server_close()


@pytest.fixture
def tls_mirror(tmp_path: Path) -> Iterator[tuple[Mirror, Path]]:
    """The same over TLS, with the certificate of a private authority."""
    certificate, key = _certificate(tmp_path)
    handler = type("Handler", (BaseHTTPRequestHandler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    mirror = Mirror(server, b"behind tls" * 1000, "https")
    _start(mirror, handler)
    yield mirror, certificate
    server.shutdown()
    server.server_close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "private authority")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    unencrypted = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, unencrypted))
    return paths


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(volume=tmp_path / "volume", http_timeout_s=2, engine="torch_fp32")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> list[Path]:
    """Photographs and noise, wide, tall, small and grey, without loss."""
    import sklearn.datasets

    folder = tmp_path_factory.mktemp("pictures")
    photograph = Image.open(Path(sklearn.datasets.__file__).parent / "images" / "china.jpg").convert("RGB")
    noise = np.random.default_rng(5).integers(0, 256, (90, 60, 3), np.uint8)
    made = [photograph, photograph.rotate(90, expand=True), Image.fromarray(noise), photograph.convert("L")]
    paths = [folder / f"{number}.png" for number in range(len(made))]
    for image, path in zip(made, paths, strict=True):
        image.save(path)
    return paths


@pytest.fixture
def seen():
    return _seen


@pytest.fixture
def reference():
    return _reference


def _seen(encoder, paths):
    """Pixels of the encoder's views as the sandbox child makes them: (n, views, side, side, 3)."""
    wanted = encoder.tower.views
    arguments = {"max_pixels": 10**7, "views": [asdict(view) for view in wanted]}
    data = [next(render_views(arguments, path.read_bytes()))[1] for path in paths]
    side = wanted[0].size
    return np.stack([np.frombuffer(row, np.uint8).reshape(len(wanted), side, side, 3) for row in data])


def _reference(forward, transform, paths):
    """Unit vectors of a plain call, pictures one at a time."""
    import torch

    with torch.inference_mode():
        rows = [forward(transform(Image.open(path).convert("RGB"))[None]).flatten(1) for path in paths]
    vectors = torch.cat(rows)
    return (vectors / vectors.norm(dim=1, keepdim=True)).numpy()
