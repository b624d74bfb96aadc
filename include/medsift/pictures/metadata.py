"""Picture files without what they say beside their pixels: EXIF, GPS, XMP, IPTC, comments. Runs in the sandbox only.

Pixels are not encoded anew: parts of the file are left out. What a viewer needs stays: colour profile, gamma,
transparency, and the orientation, as the only thing that is left of EXIF.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator

from medsift.pictures._tiff_metadata import without_tags

ORIENTATION = 0x0112
TURN = struct.Struct("<2sHIHHHIHHI")  # a TIFF header and one entry
JPEG_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
SOI, EOI, SOS, COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
APPLICATION = range(0xE0, 0xF0)
JFIF, JFIF_BYTES = 0xE0, 12  # of it without a thumbnail
JPEG_KEPT = {JFIF: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
PNG_NEEDED = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
PNG_KEPT = {b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT"}
WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
WEBP_EXIF, WEBP_XMP = 0x08, 0x04  # flags of VP8X
JP2_KEPT = {b"jP  ", b"ftyp", b"jp2h", b"jp2c"}
GIF_KEPT = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}
BROKEN = (struct.error, LookupError, ValueError)


def without_metadata(data: bytes, format_name: str, orientation: int) -> bytes:
    """The file (`format_name` as Pillow has it) without metadata but `orientation` (1 to 8, as in EXIF).

    The very bytes where there is nothing to leave out. Raises `ValueError` where the file's structure cannot be
    followed, though its pixels may be read, and of an AVIF: its boxes and streams offer too many places to tell in.
    """
    try:
        return WRITERS[format_name](data, orientation)
    except BROKEN:
        raise ValueError("its structure cannot be followed") from None


def _turn(orientation: int) -> bytes:
    """EXIF that says nothing but the orientation; empty where there is nothing to say."""
    return TURN.pack(b"II", 42, 8, 1, ORIENTATION, 3, 1, orientation, 0, 0) if 1 < orientation <= 8 else b""


def _jpeg(data: bytes, orientation: int) -> bytes:
    kept = [data[:2]]
    if turn := _turn(orientation):
        kept.append(_segment(0xE1, b"Exif\0\0" + turn))
    position, is_clean = 2, True
    while True:
        found = JPEG_MARKER.search(data, position)
        if found is None:
            raise ValueError("no end")
        kept.append(data[position : found.start()])  # what a scan holds
        marker, start = found.group(1)[0], found.end() - 2
        if marker == EOI:
            is_whole = is_clean and not turn and found.end() == len(data)
            return data if is_whole else b"".join([*kept, b"\xff\xd9"])
        end = start + 2
        if marker not in (SOI, 1):
            end += int.from_bytes(data[start + 2 : start + 4], "big")
            if end > len(data) or end < start + 4:
                raise ValueError("a segment without end")
        is_kept = not (marker == COMMENT or marker in APPLICATION) or _is_kept(marker, data[start + 4 : start + 18])
        is_clean = is_clean and is_kept
        segment = data[start:end] if is_kept else b""
        if is_kept and marker == JFIF and end - start > 4 + JFIF_BYTES + 2:
            segment, is_clean = _segment(JFIF, data[start + 4 : start + 4 + JFIF_BYTES] + bytes(2)), False
        kept.append(segment)
        position = end


def _is_kept(marker: int, head: bytes) -> bool:
    return marker in JPEG_KEPT and head.startswith(JPEG_KEPT[marker])


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _png(data: bytes, orientation: int) -> bytes:
    kept, position, turn = [data[:8]], 8, _turn(orientation)
    while position < len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + size
        if end > len(data):
            raise ValueError("a chunk without end")
        if turn and name == b"IDAT":
            kept.append(struct.pack(">I4s", len(turn), b"eXIf") + turn + struct.pack(">I", zlib.crc32(b"eXIf" + turn)))
            turn = b""
        if name in PNG_NEEDED or name in PNG_KEPT:
            kept.append(data[position:end])
        position = end
        if name == b"IEND":
            return _joined(data, kept)
    raise ValueError("no end")


def _webp(data: bytes, orientation: int) -> bytes:
    chunks = [(name, body) for name, body in _riff(data) if name in WEBP_KEPT]
    turn = _turn(orientation)
    if turn:
        chunks.append((b"EXIF", turn))
    if chunks[0][0] == b"VP8X":
        flags = chunks[0][1][0] & ~(WEBP_EXIF | WEBP_XMP) | (WEBP_EXIF if turn else 0)
        chunks[0] = (b"VP8X", bytes([flags]) + chunks[0][1][1:])
    padded = (struct.pack("<4sI", name, len(body)) + body + bytes(len(body) % 2) for name, body in chunks)
    content = b"WEBP" + b"".join(padded)
    return _joined(data, [struct.pack("<4sI", b"RIFF", len(content)), content])


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position, whole = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while position + 8 <= whole:
        name, size = struct.unpack_from("<4sI", data, position)
        yield name, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _jp2(data: bytes, _: int) -> bytes:
    if data.startswith(b"\xff\x4f"):
        return data  # a bare codestream
    kept, position = [], 0
    while position < len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        if size == 1:
            size = struct.unpack_from(">Q", data, position + 8)[0]
        end = position + size if size else len(data)
        if size and size < 8:
            raise ValueError("a box without end")
        if name in JP2_KEPT:
            kept.append(data[position:end])
        position = end
    return _joined(data, kept)


def _bmp(data: bytes) -> bytes:
    """Without what follows the end that its header says."""
    size = int.from_bytes(data[2:6], "little")
    return data[:size] if size > int.from_bytes(data[10:14], "little") else data


def _gif(data: bytes, _: int) -> bytes:
    position = 13 + _colours(data[10])
    kept = [data[:position]]
    while data[position] != 0x3B:
        start = position
        if data[position] == 0x2C:
            position += 11 + _colours(data[position + 9])
            is_kept = True
        else:
            label, name = data[position + 1], data[position + 3 : position + 14]
            is_kept = label == 0xF9 or (label == 0xFF and name in GIF_KEPT)
            position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1
        if is_kept:
            kept.append(data[start:position])
    return _joined(data, [*kept, b"\x3b"])


def _colours(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _joined(data: bytes, parts: list[bytes]) -> bytes:
    result = b"".join(parts)
    return data if result == data else result


WRITERS: dict[str, Callable[[bytes, int], bytes]] = {
    "JPEG": _jpeg,
    "MPO": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "GIF": _gif,
    "JPEG2000": _jp2,
    "TIFF": lambda data, _: without_tags(data),
    "BMP": lambda data, _: _bmp(data),
}
