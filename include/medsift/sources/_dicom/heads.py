"""How a DICOM file begins."""

import re

MARK, MARK_AT = b"DICM", 128
# Without preamble: group 2, or a low element of group 8 in little or big endian, then its VR or a short length.
BARE = re.compile(
    rb"\x02\0[\0\x10]\0U[LI]|\x08\0[\0-\x80]\0(?:[A-Z]{2}|.[\0-\x03]\0\0)|\0\x08\0[\0-\x80](?:[A-Z]{2}|\0\0[\0-\x03].)",
    re.DOTALL,
)


def begins_like_dicom(head: bytes) -> bool:
    """Whether a file that begins so is DICOM: by the mark after the preamble; without one, by its first element."""
    return head[MARK_AT : MARK_AT + len(MARK)] == MARK or BARE.match(head) is not None
