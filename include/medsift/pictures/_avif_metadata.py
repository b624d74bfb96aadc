"""An AVIF with all blanked in place that its pixels do not need: what they need stays where it lies.

Layout after ISO/IEC 14496-12 (boxes) and 23008-12 (items and their properties).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

PIXELS = frozenset((b"av01", b"grid", b"iden", b"iovl", b"tmap"))  # types of items that pictures are made of
# Properties by which pixels are read and shown; others describe, date or tag the picture.
SHOWING = frozenset(
    (b"av1C", b"a1op", b"a1lx", b"lsel", b"ispe", b"pixi", b"colr", b"pasp", b"clap", b"irot", b"imir", b"auxC",
     b"clli", b"mdcv", b"cclv", b"amve")
)  # fmt: skip
STRUCTURE = frozenset((b"pitm", b"iinf", b"iloc", b"iref", b"iprp", b"idat", b"hdlr", b"grpl"))  # inside `meta`
EXIF, NO_EXIF = b"Exif", bytes(4) + struct.pack("<2sHIHI", b"II", 42, 8, 0, 0)  # readers want a header there
IN_FILE, IN_IDAT = 0, 1  # where an item lies: counted from the begin of the file or of the box `idat`
USUAL_NAMES = (b"\0", b"Color\0", b"Alpha\0")  # as libavif writes them
HANDLER_NAME = 24  # where in `hdlr` a name stands


@dataclass(frozen=True)
class Box:
    """A box: `start` and `end` of what is in it."""

    name: bytes
    start: int
    end: int


def without_items(data: bytes) -> bytes:
    """The file with everything blanked that speaks of the picture; the very bytes where nothing does.

    Raises `ValueError`, `LookupError` or `struct.error` where its boxes cannot be followed, as those of a sequence.
    """
    result = bytearray(data)
    boxes = list(_boxes(data, 0, len(data)))
    (meta,) = [box for box in boxes if box.name == b"meta"]
    for box in boxes:
        if box.name == b"moov":
            raise ValueError("a sequence")
        if box.name not in (b"ftyp", b"meta"):
            _blank(result, box.start, box.end)
    inside = {box.name: box for box in _boxes(data, meta.start + 4, meta.end)}
    for name, box in inside.items():
        if name not in STRUCTURE or name == b"idat":
            _blank(result, box.start, box.end)
    _blank(result, inside[b"hdlr"].start + HANDLER_NAME, inside[b"hdlr"].end)
    _blank_properties(result, inside[b"iprp"])
    _restore_items(data, result, inside)
    return data if result == data else bytes(result)


def _restore_items(data: bytes, result: bytearray, inside: dict[bytes, Box]) -> None:
    """Put back, into what was blanked whole, the items that pictures are made of."""
    kinds = dict(_items(data, result, inside[b"iinf"]))
    for number, way, start, length in _places(data, inside[b"iloc"]):
        if way not in (IN_FILE, IN_IDAT):
            raise ValueError("an item made of others' bytes")
        first = start + (inside[b"idat"].start if way == IN_IDAT else 0)
        end = first + length if length else len(data)
        if end > len(data):
            raise ValueError("an item without end")
        if kinds[number] in PIXELS:
            result[first:end] = data[first:end]
        elif kinds[number] == EXIF:
            result[first:end] = NO_EXIF[: end - first].ljust(end - first, b"\0")


def _blank_properties(result: bytearray, properties: Box) -> None:
    """Their places stay, since items name them by their number."""
    for container in _boxes(result, properties.start, properties.end):
        for box in _boxes(result, container.start, container.end) if container.name == b"ipco" else ():
            if box.name not in SHOWING:
                _blank(result, box.start, box.end)


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


def _items(data: bytes, result: bytearray, box: Box) -> Iterator[tuple[int, bytes]]:
    """Number and type of each item; what follows, a name or a type of content, is blanked."""
    count_size = 2 if data[box.start] == 0 else 4
    for entry in _boxes(data, box.start + 4 + count_size, box.end):
        version = data[entry.start]
        if entry.name != b"infe" or version not in (2, 3):
            raise ValueError("an item of an unknown form")
        shape = ">HH4s" if version == 2 else ">IH4s"
        number, _, kind = struct.unpack_from(shape, data, entry.start + 4)
        told = entry.start + 4 + struct.calcsize(shape)
        if data[told : entry.end] not in USUAL_NAMES:
            _blank(result, told, entry.end)
        yield number, kind


def _places(data: bytes, box: Box) -> Iterator[tuple[int, int, int, int]]:
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


def _blank(data: bytearray, start: int, end: int) -> None:
    data[start:end] = bytes(max(0, end - start))
