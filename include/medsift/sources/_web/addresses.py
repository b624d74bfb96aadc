"""Which addresses may be connected to: public ones, however they are spelt."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# `is_global` differs between releases of Python (3.11.7 calls 192.0.0.8 and 2002::/16 global), so what matters is
# said here: IANA's special-purpose registries, and everything that carries another address inside.
DENIED_V4 = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
GLOBAL_UNICAST = ip_network("2000::/3")
DENIED_V6 = tuple(
    ip_network(text)
    for text in (
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)
NAT64 = ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether a numeric address (IPv4, or IPv6 with or without scope) lies in the public internet."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv4Address):
        return parsed.is_global and not any(parsed in network for network in DENIED_V4)
    if parsed in NAT64:
        # Networks without IPv4 reach every public IPv4 server this way; what counts is the address inside.
        return is_public(str(IPv4Address(int(parsed) & 0xFFFFFFFF)))
    return _is_public_v6(parsed)


def _is_public_v6(address: IPv6Address) -> bool:
    is_denied = any(address in network for network in DENIED_V6)
    return address.is_global and address in GLOBAL_UNICAST and not is_denied


def is_odd_spelling(host: str) -> bool:
    """Whether a host is an IPv4 address in a spelling only the C library reads: decimal, octal, hex, shortened."""
    try:
        socket.inet_aton(host)
    except (OSError, UnicodeError, ValueError):
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False


def is_allowed_host(host: str, port: int, allowed: frozenset[str]) -> bool:
    """Whether `host` is in setting allowed_hosts (lower case), by name or by name and port."""
    name = host.lower()
    with_port = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    return name in allowed or with_port in allowed
