"""JPEG data that lacks nothing but its end marker: browsers show it whole. Runs in the sandbox child only."""

import hashlib
from io import BytesIO

from PIL import Image

START, START_OF_SCAN, END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
# What stands behind the last row changes no pixel; where rows are missing, it is decoded in their place.
TAILS = (END, bytes(251 - index * 89 % 251 for index in range(1024)) + END)
ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def has_end(data: bytes) -> bool:
    """Whether an end marker follows the start of the last scan; coded pixels cannot hold either."""
    return data.rfind(END) > data.rfind(START_OF_SCAN)


def with_end(data: bytes) -> bytes:
    """A JPEG with an end marker, where nothing else is missing; all other data as it is."""
    if not data.startswith(START) or has_end(data):
        return data
    stem = data.rstrip(b"\xff")  # half a marker
    return stem + END if has_all_rows(stem) else data


def has_all_rows(data: bytes) -> bool:
    """Whether a JPEG, with an end marker or without, holds as many rows as its header says."""
    stem = data[: data.rfind(END)] if has_end(data) else data
    try:
        one, other = (_digest(stem + tail) for tail in TAILS)
    except ERRORS:
        return False
    return one == other


def _digest(data: bytes) -> bytes:
    with Image.open(BytesIO(data), formats=["JPEG"]) as picture:
        return hashlib.sha256(picture.tobytes()).digest()
