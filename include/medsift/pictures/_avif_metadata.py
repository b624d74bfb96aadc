"""Items of an AVIF that are not its pixels, blanked in place: what lies elsewhere in the file stays there.

Layout after ISO/IEC 14496-12 (boxes) and 23008-12 (items).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

TOLD = (b"Exif", b"mime", b"uri ")  # types of items that speak of the picture
ASIDE = (b"uuid", b"udta")  # boxes that any program may add: those with content credentials name people
NO_EXIF = bytes(4) + struct.pack("<2sHIHI", b"II", 42, 8, 0, 0)  # readers want a header there
IN_FILE, IN_BOX = 0, 1  # where an item lies: counted from the begin of the file or of the box `idat`


@dataclass(frozen=True)
class Box:
    """A box: `start` and `end` of what is in it."""

    name: bytes
    start: int
    end: int


def without_items(data: bytes) -> bytes:
    """The file with everything blanked that speaks of the picture; the very bytes where nothing does.

    Raises `ValueError` or `struct.error` where its boxes cannot be followed, as those of a sequence.
    """
    result = bytearray(data)
    for box in _boxes(data, 0, len(data)):
        if box.name == b"moov":
            raise ValueError("a sequence")
        if box.name in ASIDE:
            _blank(result, box.start, box.end)
        if box.name == b"meta":
            _clean(result, box)
    return data if result == data else bytes(result)


def _clean(data: bytearray, meta: Box) -> None:
    inside = {box.name: box for box in _boxes(data, meta.start + 4, meta.end)}
    for name in ASIDE:
        if name in inside:
            _blank(data, inside[name].start, inside[name].end)
    if b"iinf" not in inside or b"iloc" not in inside:
        return
    told = {number: kind for number, kind in _items(data, inside[b"iinf"]) if kind in TOLD}
    stored = inside.get(b"idat")
    for number, way, start, length in _places(data, inside[b"iloc"]):
        if number not in told:
            continue
        if way not in (IN_FILE, IN_BOX) or (way == IN_BOX and stored is None):
            raise ValueError("an item that lies elsewhere")
        first = start + (stored.start if way == IN_BOX and stored else 0)
        _blank(data, first, first + length if length else len(data), NO_EXIF if told[number] == b"Exif" else b"")


def _boxes(data: bytes | bytearray, start: int, end: int) -> Iterator[Box]:
    while start < end:
        size, name = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, start + 8), 16
        stop = start + size if size else end
        if stop > end or stop < start + head:
            raise ValueError("a box without end")
        yield Box(name, start + head, stop)
        start = stop


def _items(data: bytes | bytearray, box: Box) -> Iterator[tuple[int, bytes]]:
    """Number and type of each item."""
    count_size = 2 if data[box.start] == 0 else 4
    for entry in _boxes(data, box.start + 4 + count_size, box.end):
        version = data[entry.start]
        if entry.name != b"infe" or version not in (2, 3):
            raise ValueError("an item of an unknown form")
        yield struct.unpack_from(">HH4s" if version == 2 else ">IH4s", data, entry.start + 4)[::2]


def _places(data: bytes | bytearray, box: Box) -> Iterator[tuple[int, int, int, int]]:
    """Of each piece of an item: the item's number, where it is counted from, its start and length."""
    version = data[box.start]
    position = box.start + 4
    sizes = struct.unpack_from(">H", data, position)[0]
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    position += 2

    def number(size: int) -> int:
        nonlocal position
        position += size
        if position > box.end:
            raise ValueError("a place without end")
        return int.from_bytes(data[position - size : position], "big")

    wide = 4 if version == 2 else 2
    for _ in range(number(wide)):
        item = number(wide)
        way = number(2) & 15 if version else IN_FILE
        number(2)  # which file: this one
        base = number(base_size)
        for _ in range(number(2)):
            number(index_size if version else 0)
            start = base + number(offset_size)
            yield item, way, start, number(length_size)


def _blank(data: bytearray, start: int, end: int, content: bytes = b"") -> None:
    if end > len(data):
        raise ValueError("an item without end")
    data[start:end] = content[: end - start].ljust(end - start, b"\0")
