"""No spelling of an address that is not public gets through the door."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from medsift.errors import SourceError
from medsift.settings import Settings
from medsift.sources._web import wire
from medsift.sources._web.addresses import is_public
from medsift.sources.http import Door

PRIVATE_NETWORKS = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
]  # fmt: skip
PRIVATE_V6 = ["::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1", "64:ff9b:1::1",
              "2001::1", "2002:7f00:1::", "100::1", "5f00::1", "3fff::1", "::ffff:8.8.8.8", "::8.8.8.8"]  # fmt: skip
ROOMS = st.sampled_from(PRIVATE_NETWORKS).map(ip_network)
PRIVATE_V4 = ROOMS.flatmap(
    lambda net: st.integers(int(net.network_address), int(net.broadcast_address)).map(IPv4Address)
)
FORMS = (str, hex, lambda part: f"0{part:o}", lambda part: f"0x{part:08X}", lambda part: f"000{part:o}")


@st.composite
def spelt_v4(draw):
    """An IPv4 address in one to four parts, each decimal, octal or hex."""
    number = int(draw(PRIVATE_V4))
    count = draw(st.integers(1, 4))
    parts = [number >> (24 - 8 * index) & 255 for index in range(count - 1)]
    parts.append(number & (1 << (8 * (5 - count))) - 1)
    return ".".join(draw(st.sampled_from(FORMS))(part) for part in parts)


@st.composite
def spelt_v6(draw):
    """A private IPv4 address inside an IPv6 address, or a private IPv6 address, short, long or upper case."""
    inner = int(draw(PRIVATE_V4))
    prefixes = (0xFFFF << 32, 0, 0x0064FF9B << 96, 0x2002 << 112 | inner << 80, 0x20010000 << 96)
    embedded = st.sampled_from([IPv6Address(prefix | inner) for prefix in prefixes])
    address = draw(st.one_of(embedded, st.sampled_from(PRIVATE_V6).map(IPv6Address)))
    texts = [str(address), address.exploded, str(address).upper(), f"{address}%25lo", f"{address}%lo"]
    return f"[{draw(st.sampled_from(texts))}]"


@st.composite
def disguised(draw):
    host = draw(st.one_of(spelt_v4(), spelt_v6(), PRIVATE_V4.map(str)))
    wide = host.translate({**{ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"}, ord("."): "。"})
    escaped = "".join(f"%{ord(sign):02X}" for sign in host)
    host = draw(st.sampled_from([host, f"{host}.", wide, escaped, f"example.org@{host}", f"example.org\\@{host}"]))
    return draw(st.sampled_from(["http://", "HTTP://", "https://", "http:\\\\", "http:/", "//"])) + host + "/latest"


@pytest.mark.usefixtures("numeric_names_only")
@hypothesis_settings(
    max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(disguised())
def test_no_spelling_of_a_private_address_is_connected_to(connections, url):
    with pytest.raises(SourceError):
        Door(Settings(http_timeout_s=0.01)).get(url)
    assert connections == []


@given(PRIVATE_V4)
def test_private_ipv4_is_not_public_whatever_it_is_wrapped_in(address):
    number = int(address)
    inside = (0xFFFF << 32 | number, number, 0x0064FF9B << 96 | number, 0x2002 << 112 | number << 80)
    assert [text for text in [str(address), *map(str, map(IPv6Address, inside))] if is_public(text)] == []


@pytest.mark.parametrize("address", PRIVATE_V6)
def test_special_ipv6_is_not_public(address):
    assert not is_public(address)
    assert not is_public(f"{address}%eth0")


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.69", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.org/a", "gopher://127.0.0.1:70/", "data:image/png;base64,AAAA", "/etc/passwd",
     "javascript:alert(1)", "http://", "http:///a", "", "http://[::1", "http://exa mple.org/", "http://a\x00b/",
     "http://user:secret@example.org/", "http://user@example.org/", "http://:@example.org/", "http://example.org:99999/",
     "http://example.org./", "http://127.1/", "http://0x7f000001/", "http://017700000001/", "http://2130706433/"],
)  # fmt: skip
def test_addresses_of_another_form_are_refused_before_anything_is_asked(connections, url):
    with pytest.raises(SourceError) as caught:
        Door(Settings()).get(url)
    assert "secret" not in str(caught.value)
    assert connections == []


@hypothesis_settings(deadline=None)
@given(st.text(max_size=60))
def test_whatever_is_typed_the_door_raises_only_its_own_errors(text):
    with pytest.raises(SourceError):
        Door(Settings(allowed_hosts=[], http_timeout_s=0.01)).get(f"http://localhost:{text}")


def resolving(monkeypatch, *answers):
    """A name server whose answer changes with every question; the last one stays. Returns the list of questions."""
    asked = []

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))
                for family, address in zip(families, addresses, strict=True)]  # fmt: skip

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.fixture
def outside(monkeypatch, serve):
    """A server at 127.0.0.2 which counts as public, with a private one at the same port of 127.0.0.1."""
    monkeypatch.setattr(wire, "is_public", lambda address: address == "127.0.0.2" or is_public(address))
    public = serve("127.0.0.2")
    return public, serve("127.0.0.1", public.port)


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch, outside):
    public, private = outside
    public.serve("/a", b"public")
    asked = resolving(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    assert Door(Settings(obey_robots=False)).get(f"http://rebinding.example:{public.port}/a").data == b"public"
    assert asked == ["rebinding.example"]
    assert private.requests == []


def test_a_name_that_moves_inside_between_two_tries_is_blocked(monkeypatch, outside):
    public, private = outside
    public.serve("/a", b"", status=503)
    resolving(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    public.serve("/a", b"", status=503, Connection="close", Retry_After="0")
    with pytest.raises(SourceError, match=r"address 127\.0\.0\.1 of host rebinding\.example is not public"):
        Door(Settings(obey_robots=False)).get(f"http://rebinding.example:{public.port}/a")
    assert private.requests == []


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/", "http://inside.example:{port}/", "//127.0.0.1:{port}/"])
def test_a_public_page_does_not_redirect_inside(monkeypatch, outside, target):
    public, private = outside
    public.serve("/", status=302, Location=target.format(port=public.port))
    answers = {"outside.example": "127.0.0.2", "inside.example": "127.0.0.1", "127.0.0.1": "127.0.0.1"}
    monkeypatch.setattr(
        socket, "getaddrinfo",
        lambda host, port, **_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers[host], port))],
    )  # fmt: skip
    with pytest.raises(SourceError, match="is not public"):
        Door(Settings(obey_robots=False)).get(f"http://outside.example:{public.port}/")
    assert public.paths == ["/"]
    assert private.requests == []


@pytest.mark.parametrize("inside", ["10.0.0.1", "::1", "fd00::1", "169.254.169.254", "::ffff:127.0.0.1"])
def test_a_name_with_one_private_address_among_public_ones_is_blocked(monkeypatch, connections, inside):
    resolving(monkeypatch, ["8.8.8.8", inside])
    with pytest.raises(SourceError, match=r"of host mixed\.example is not public"):
        Door(Settings()).get("http://mixed.example/")
    assert connections == []
