"""Tags of a TIFF that say nothing about its pixels, blanked in place: what lies elsewhere in the file stays there.

Layout after TIFF 6.0 and, with offsets of 8 bytes, BigTIFF.
"""

import struct
from dataclasses import dataclass

# Tags by which pixels are read and shown (TIFF 6.0, its technical notes, ICC); all others go.
KEPT = frozenset(
    [
        *range(254, 260), *range(262, 267), 273, 274, *range(277, 285), *range(286, 294), 296, 297, 301,
        *range(317, 330), 331, 332, *range(334, 337), *range(338, 348), 351, *range(512, 522), *range(529, 533), 559,
        *range(32995, 33000), 34675,
    ]
)  # fmt: skip
SUB_TABLES = 330  # of reduced and other pictures, with tags and pixels of their own
INSIDE = {34665, 34853, 40965}  # EXIF, GPS, interoperability: tables of their own
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
MAX_TABLES = 64


@dataclass(frozen=True)
class Layout:
    """How numbers stand in this file: the table's count, an entry (tag, type, count, value), an offset."""

    count: struct.Struct
    entry: struct.Struct
    offset: struct.Struct


def without_tags(data: bytes) -> bytes:
    """The file with every tag blanked that its pixels do not need; the very bytes where there is none.

    Raises `ValueError` or `struct.error` where its tables cannot be followed, or one holds further pictures.
    """
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    shapes = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    layout = Layout(*(struct.Struct(order + shape) for shape in shapes))
    result = bytearray(data)
    (table,) = layout.offset.unpack_from(data, 8 if is_big else 4)
    seen: set[int] = set()
    while table and table not in seen:
        if len(seen) == MAX_TABLES:
            raise ValueError("too many tables")
        seen.add(table)
        table = _clean(result, table, layout)
    return data if result == data else bytes(result)


def _clean(data: bytearray, table: int, layout: Layout) -> int:
    """Leave only kept entries in a table; where the next one lies."""
    entries = _entries(data, table, layout)
    start = table + layout.count.size
    end = start + len(entries) * layout.entry.size
    (following,) = layout.offset.unpack_from(data, end)
    if any(entry[0] == SUB_TABLES for entry in entries):
        raise ValueError("further pictures within one")
    kept = [entry for entry in entries if entry[0] in KEPT]
    if len(kept) == len(entries):
        return int(following)
    for entry in entries:
        if entry[0] not in KEPT:
            _blank(data, entry, layout)
    rows = b"".join(layout.entry.pack(*entry) for entry in kept) + layout.offset.pack(following)
    layout.count.pack_into(data, table, len(kept))
    data[start : end + layout.offset.size] = rows.ljust(end + layout.offset.size - start, b"\0")
    return int(following)


def _entries(data: bytearray, table: int, layout: Layout) -> list[tuple[int, int, int, bytes]]:
    (count,) = layout.count.unpack_from(data, table)
    if count > 65535:
        raise ValueError("too many entries")
    start = table + layout.count.size
    return [layout.entry.unpack_from(data, start + number * layout.entry.size) for number in range(count)]


def _blank(data: bytearray, entry: tuple[int, int, int, bytes], layout: Layout) -> None:
    """Zeros where an entry's value lies outside of its table, to the bottom of tables inside."""
    tag, kind, count, value = entry
    size = SIZES.get(kind, 1) * count
    (offset,) = layout.offset.unpack(value)
    if tag in INSIDE:
        inner = _entries(data, offset, layout)
        for each in inner:
            if each[0] not in INSIDE or tag == 34665:
                _blank(data, each, layout)
        size = layout.count.size + len(inner) * layout.entry.size
    elif size <= layout.offset.size:
        return
    end = min(len(data), offset + size)
    data[offset:end] = bytes(max(0, end - offset))
