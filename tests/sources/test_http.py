"""The door fetches what is there, within limits of size and time, and says in a sentence what was wrong."""

import contextlib
import gzip
import ssl
import time
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from medsift import __version__
from medsift.errors import MedsiftError, SourceError, TemporaryError
from medsift.settings import Settings
from medsift.sources.http import Door, shown

MB = 2**20
ZEROS_GZIPPED = gzip.compress(bytes(300 * MB), 9)


def raw(site, path, *parts, pause_s=0.0, is_closed=True):
    """Answer `path` with exactly these bytes."""

    def answer(handler):
        for part in parts:
            handler.wfile.write(part)
            time.sleep(pause_s)
        handler.close_connection = is_closed

    site.routes[path] = answer
    return site.url(path)


def endless(head=b"", part=b"x" * 65536, pause_s=0.0):
    def answer(handler):
        handler.close_connection = True
        handler.wfile.write(head)
        while True:
            handler.wfile.write(part)
            time.sleep(pause_s)

    return answer


def test_an_answer_comes_with_its_type_and_version(site, door):
    url = site.serve(
        "/a", b"hello", content_type="text/plain", ETag='"1"', Last_Modified="Thu, 01 Jan 2026 00:00:00 GMT"
    )
    got = door.get(f"{url}?page=2#part")
    assert (got.url, got.status, got.data, got.content_type) == (f"{url}?page=2", 200, b"hello", "text/plain")
    assert (got.etag, got.last_modified, got.is_unchanged) == ('"1"', "Thu, 01 Jan 2026 00:00:00 GMT", False)
    path, headers = site.requests[0]
    assert path == "/a?page=2"
    assert headers["User-Agent"] == f"medsift/{__version__}"


def test_an_unchanged_page_is_said_to_be_unchanged_and_keeps_its_version(site, door):
    site.serve("/a", status=304)
    got = door.get(site.url("/a"), etag='"1"', last_modified="Thu, 01 Jan 2026 00:00:00 GMT")
    assert (got.is_unchanged, got.data, got.etag) == (True, b"", '"1"')
    assert site.requests[0][1]["If-None-Match"] == '"1"'
    assert site.requests[0][1]["If-Modified-Since"] == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_unchanged_as_an_answer_to_a_plain_question_is_an_error(site, door):
    with pytest.raises(SourceError, match="304"):
        door.get(site.serve("/a", status=304))


@pytest.mark.parametrize(("status", "phrase"), [(400, "Bad Request"), (401, "Unauthorized"), (403, "Forbidden"),
                                                (404, "Not Found"), (410, "Gone"), (206, "Partial Content"),
                                                (999, "unknown")])  # fmt: skip
def test_what_a_later_try_does_not_mend_is_asked_once(site, door, status, phrase):
    with pytest.raises(SourceError, match=rf"{site.host}/a answered {status} \({phrase}\)") as caught:
        door.get(site.serve("/a", status=status) + "?token=secret")
    assert not isinstance(caught.value, TemporaryError)
    assert "secret" not in str(caught.value)
    assert len(site.paths) == 1


@pytest.mark.parametrize(("status", "tries"), [(429, 3), (502, 3), (503, 3), (504, 3), (500, 1), (408, 1)])
def test_a_busy_server_is_asked_again_and_then_left_to_a_later_run(site, door, status, tries):
    with pytest.raises(TemporaryError, match=f"answered {status}"):
        door.get(site.serve("/a", status=status))
    assert len(site.paths) == tries


def test_a_server_that_recovers_is_heard(site, door):
    def recover(handler):
        site.serve("/a", b"well again")
        handler.send_error(503)

    site.routes["/a"] = recover
    assert door.get(site.url("/a")).data == b"well again"


def test_the_pause_a_server_asks_for_is_kept(site, door):
    def recover(handler):
        site.serve("/a", b"well again")
        handler.send_response(429)
        handler.send_header("Retry-After", "1")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    site.routes["/a"] = recover
    start = time.monotonic()
    assert door.get(site.url("/a")).data == b"well again"
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize("pause", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_longer_pause_is_left_to_the_next_run(site, door, pause):
    start = time.monotonic()
    with pytest.raises(TemporaryError):
        door.get(site.serve("/a", status=429, Retry_After=pause))
    assert len(site.paths) == 1
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("pause", ["soon", "-5", "9" * 5000, "1e9", ""])
def test_a_pause_that_is_no_time_is_passed_over(site, door, pause):
    with pytest.raises(TemporaryError):
        door.get(site.serve("/a", status=503, Retry_After=pause))


def test_redirects_are_followed(site, door):
    site.serve("/a", status=301, Location="/b?x=1")
    site.serve("/b", status=307, Location=f"//{site.host}/c d")
    site.serve("/c%20d", b"here")
    got = door.get(site.url("/a"))
    assert (got.url, got.data) == (site.url("/c%20d"), b"here")


def test_a_ring_of_redirects_ends(site, door):
    with pytest.raises(SourceError, match="more than 5 redirects"):
        door.get(site.serve("/a", status=302, Location="/a"))
    assert len(site.paths) == 6


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "ftp://example.org/", "http://user:pw@example.org/", "http://169.254.169.254/latest",
     "http://2130706433/", "http://0x7f.1/", "http://[::1]/", "http://[::ffff:7f00:1]/", "http://[64:ff9b::7f00:1]/",
     "http://[2002:7f00:1::]/", "http://localhost/", "http://[", "data:text/html,x"],
)  # fmt: skip
def test_no_redirect_leads_where_the_door_does_not_go(site, door, connections, target):
    with pytest.raises(SourceError):
        door.get(site.serve("/", status=302, Location=target))
    assert [tuple(made)[:2] for made in connections] == [("127.0.0.1", site.port)]


def test_a_private_server_never_hears_of_a_redirect_to_it(site, private_site, door):
    with pytest.raises(SourceError, match=r"address 127\.0\.0\.1 of host 127\.0\.0\.1 is not public"):
        door.get(site.serve("/", status=302, Location=private_site.url("/metadata")))
    with pytest.raises(SourceError, match="of host localhost is not public"):
        door.get(site.serve("/", status=302, Location=f"http://localhost:{private_site.port}/"))


def test_a_host_may_be_allowed_with_all_its_ports(site):
    site.serve("/", b"let in")
    assert Door(Settings(allowed_hosts=["LOCALHOST"])).get(f"http://localhost:{site.port}/").data == b"let in"


def test_a_host_allowed_with_one_port_is_not_allowed_with_another(private_site):
    with pytest.raises(SourceError, match="not public"):
        Door(Settings(allowed_hosts=["127.0.0.1:1"])).get(private_site.url())


def test_an_ipv6_host_may_be_allowed():
    with pytest.raises(TemporaryError, match=r"no connection to the server of http://\[::1\]:1/"):
        Door(Settings(allowed_hosts=["[::1]:1"], http_timeout_s=0.1)).get("http://[::1]:1/")


def test_the_environment_gives_neither_proxy_nor_credentials(site, private_site, door, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, private_site.url())
    door.get(site.serve("/", b"direct"))
    assert "Authorization" not in site.requests[0][1]


def test_no_cookie_is_ever_sent(site, door):
    site.serve("/", status=302, Location="/b", Set_Cookie="id=1; Path=/")
    site.serve("/b", b"", Set_Cookie="id=2")
    door.get(site.url("/"))
    door.get(site.url("/b"))
    assert [headers.get("Cookie") for _, headers in site.requests] == [None, None, None]


def test_an_announced_length_above_the_limit_is_not_read(site, door):
    site.routes["/"] = endless(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", pause_s=0.2)
    with pytest.raises(SourceError, match=r"larger than 1 MB \(http_max_mb\)"):
        door.get(site.url())


@pytest.mark.parametrize("head", [b"", b"Content-Length: 0000000000000000000000000000001048577\r\n"])
def test_an_endless_body_is_cut_at_the_limit(site, door, head):
    site.routes["/"] = endless(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
    with pytest.raises(SourceError, match="larger than 1 MB"):
        door.get(site.url())


def test_an_endless_body_behind_a_redirect_is_not_read(site, door):
    site.routes["/"] = endless(b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n")
    site.serve("/b", b"here")
    assert door.get(site.url()).data == b"here"


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-A: ", b"",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
)  # fmt: skip
def test_a_server_that_drips_is_cut_when_time_is_over(site, head):
    site.routes["/"] = endless(head, b"1", pause_s=0.03)
    start = time.monotonic()
    with pytest.raises(TemporaryError, match=r"was not whole after 1\.5 s"):
        Door(Settings(allowed_hosts=[site.host], http_timeout_s=0.1)).get(site.url())
    assert time.monotonic() - start < 3


def test_a_used_connection_is_under_the_deadline_too(site):
    door = Door(Settings(allowed_hosts=[site.host], http_timeout_s=0.1))
    door.get(site.serve("/", b"kept alive"))
    site.routes["/"] = endless(b"HTTP/1.1 200 OK\r\n\r\n", b"1", pause_s=0.03)
    with pytest.raises(TemporaryError, match="was not whole"):
        door.get(site.url())


def test_a_server_that_says_nothing_is_given_up(site):
    site.routes["/"] = lambda handler: time.sleep(1)
    with pytest.raises(TemporaryError, match="did not answer in time"):
        Door(Settings(allowed_hosts=[site.host], http_timeout_s=0.1)).get(site.url())


def chunked(body):
    pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "body"),
    [(b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(ZEROS_GZIPPED), ZEROS_GZIPPED),
     (b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", chunked(ZEROS_GZIPPED)),
     (b"Content-Encoding: gzip\r\n", ZEROS_GZIPPED),
     (b"Content-Encoding: deflate\r\n", zlib.compress(bytes(300 * MB), 9))],
)  # fmt: skip
def test_a_bomb_is_cut_before_it_fills_memory(site, door, head, body):
    url = raw(site, "/", b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body)
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="larger than 1 MB"):
            door.get(url)
        assert tracemalloc.get_traced_memory()[1] < 16 * MB
    finally:
        tracemalloc.stop()


def test_a_compressed_answer_is_opened(site, door):
    assert door.get(site.serve("/", gzip.compress(b"hello"), Content_Encoding="gzip")).data == b"hello"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "gzip, gzip", "nonsense"])
def test_an_encoding_that_was_not_asked_for_is_named(site, door, encoding):
    with pytest.raises(SourceError, match="is encoded as"):
        door.get(site.serve("/", b"hello", Content_Encoding=encoding))


def test_what_is_not_compressed_as_it_says_is_reported(site, door):
    with pytest.raises(SourceError, match="cannot be decompressed"):
        door.get(site.serve("/", b"this is no gzip", Content_Encoding="gzip"))


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nonly this"],
)  # fmt: skip
def test_a_connection_dropped_half_way_is_no_answer(site, door, answer):
    with pytest.raises(TemporaryError, match="ended before it was whole"):
        door.get(raw(site, "/", answer))
    assert len(site.paths) == 3


def test_a_compressed_answer_dropped_half_way_is_no_answer(site, door):
    body = gzip.compress(bytes(range(256)) * 40)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with pytest.raises(TemporaryError, match="ended before it was whole"):
        door.get(raw(site, "/", head + body[: len(body) // 2]))


def test_what_follows_the_announced_length_is_not_taken(site, door):
    assert door.get(raw(site, "/", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more")).data == b"hello"


@pytest.mark.parametrize(
    "answer",
    [b"", b"\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500,
     b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", b"HTTP/1.1 200 " + b"x" * 100_000,
     b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\n\r\n", b"\x16\x03\x01\x02\x00"],
)  # fmt: skip
def test_garbage_for_an_answer_is_reported(site, door, answer):
    with pytest.raises(SourceError):
        door.get(raw(site, "/", answer))


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 302 Found\r\nLocation: "]))
def test_whatever_a_server_sends_the_door_raises_only_its_own_errors(site, tail, head):
    with contextlib.suppress(MedsiftError):
        Door(Settings(allowed_hosts=[site.host], http_timeout_s=0.02)).get(raw(site, "/", head + tail))


def test_a_closed_port_is_temporary(site, door):
    site.server.shutdown()
    site.server.server_close()
    with pytest.raises(TemporaryError, match=f"no connection to the server of http://{site.host}/"):
        door.get(site.url())


def test_a_server_without_tls_behind_https_is_reported(site, door):
    with pytest.raises(SourceError):
        door.get(site.serve("/", b"x").replace("http://", "https://"))


@pytest.fixture
def certificate(tmp_path):
    """Makes a key and a certificate that it signs itself, in one PEM file, for a name and days from now."""

    def make(name, days):
        key, today = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key()).serial_number(1)
            .not_valid_before(today - timedelta(days=30)).not_valid_after(today + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        path = tmp_path / f"{name}{days}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + made.public_bytes(Encoding.PEM))
        return path

    return make


@pytest.mark.parametrize(
    ("name", "days", "is_trusted"), [("localhost", 30, True), ("localhost", 30, False), ("localhost", -1, True),
                                     ("elsewhere.example", 30, True)],
)  # fmt: skip
def test_a_certificate_has_to_be_trusted_valid_and_of_that_name(site, certificate, monkeypatch, name, days, is_trusted):
    path = certificate(name, days)
    if is_trusted:
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    site.serve("/", b"secret")
    site.server.socket = context.wrap_socket(site.server.socket, server_side=True, do_handshake_on_connect=False)
    door, url = Door(Settings(allowed_hosts=["localhost"], http_timeout_s=2)), f"https://localhost:{site.port}/"
    if (name, days, is_trusted) == ("localhost", 30, True):
        assert door.get(url).data == b"secret"
        return
    with pytest.raises(SourceError, match="has no valid certificate") as caught:
        door.get(url)
    assert not isinstance(caught.value, TemporaryError)
    assert site.paths == []


def test_an_address_is_shown_without_its_secrets():
    assert shown("https://me:pw@example.org:8443/a/b?token=1#x") == "https://example.org:8443/a/b"
