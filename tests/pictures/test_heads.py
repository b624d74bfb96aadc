"""A file is a picture by how it begins."""

import struct

import pytest

from medsift.pictures.heads import is_picture


def family(major: bytes, *others: bytes) -> bytes:
    """The first box of AVIF, HEIC and films."""
    return struct.pack(">I4s4sI", 16 + 4 * len(others), b"ftyp", major, 0) + b"".join(others) + b"\0\0\0\x10meta"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (family(b"avif", b"mif1", b"miaf"), True),
        (family(b"mif1", b"miaf", b"avif"), True),
        (family(b"avis", b"msf1"), True),
        (family(b"heic", b"mif1"), False),
        (family(b"isom", b"mp42"), False),
        (family(b"mif1", *[b"miaf"] * 40, b"avif"), False),
        (family(b"mif1", b"heic") + b"avif", False),
        (b"BM" + bytes(12) + struct.pack("<I", 40), True),
        (b"BM" + bytes(12) + struct.pack("<I", 41), False),
        (b"BM is how this letter begins", False),
        (b"RIFF\0\0\0\0WEBPVP8 ", True),
        (b"RIFF\0\0\0\0WAVEfmt ", False),
        (b"", False),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(head: bytes, expected: bool) -> None:
    assert is_picture(head) is expected
