"""How files of pictures begin, whatever their names say."""

import struct

TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
HEADS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"\0\0\0\x0cjP  \r\n\x87\n",  # JPEG 2000, in a file or
    b"\xff\x4f\xff\x51",  # as a bare codestream
    *TIFF_HEADS,
)
BMP_TABLES = frozenset((12, 40, 52, 56, 64, 108, 124))  # bytes of what follows the file's own header
AVIF_BRANDS = frozenset((b"avif", b"avis"))
MOST_BRANDS = 32  # looked at: a file that says so may claim millions


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is a picture of a kind that is read."""
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    is_bmp = head[:2] == b"BM" and len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in BMP_TABLES
    return is_webp or is_bmp or head.startswith(HEADS) or _is_avif(head)


def _is_avif(head: bytes) -> bool:
    """Of the family of files with that first box, HEIC among them, one that says that it can be read as AVIF."""
    if head[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(head[:4], "big"), len(head), 16 + 4 * MOST_BRANDS)
    return not AVIF_BRANDS.isdisjoint(head[start : start + 4] for start in (8, *range(16, end, 4)))
