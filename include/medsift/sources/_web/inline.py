"""Pictures that stand in a page itself, as `data:` addresses (RFC 2397)."""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes


def decoded_data_uri(address: str) -> bytes:
    """The bytes of a `data:` address; none where it is malformed."""
    head, _, body = address.partition(",")
    data = unquote_to_bytes(body)
    if not head.lower().rstrip().endswith(";base64"):
        return data
    cleaned = re.sub(rb"[^A-Za-z0-9+/]", b"", data.replace(b"-", b"+").replace(b"_", b"/"))
    try:
        return base64.b64decode(cleaned + b"=" * (-len(cleaned) % 4))
    except binascii.Error:
        return b""
