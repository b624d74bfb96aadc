"""What an answer from the network is: its bytes decide, its content type only where bytes cannot."""

import re
from typing import Literal

from medsift.pictures.heads import is_picture

Content = Literal["picture", "pdf", "dicom", "page", "other"]

PAGE_TYPES = {"text/html", "application/xhtml+xml"}
PAGE_START = re.compile(rb"<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
SNIFFED_BYTES = 4096


def content_of(data: bytes, content_type: str) -> Content:
    """What kind of content an answer is."""
    if data[128:132] == b"DICM":  # first, as what stands before it may look like a TIFF
        return "dicom"
    if is_picture(data):
        return "picture"
    if data.lstrip()[:5] == b"%PDF-" or (mime_type(content_type) == "application/pdf" and b"%PDF" in data[:1024]):
        return "pdf"
    if mime_type(content_type) in PAGE_TYPES or PAGE_START.search(data[:SNIFFED_BYTES]):
        return "page"
    return "other"


def mime_type(content_type: str) -> str:
    """`text/html` of `Text/HTML; charset=utf-8`."""
    return content_type.partition(";")[0].strip().lower()


def charset(content_type: str) -> str:
    """`utf-8` of `text/html; charset="utf-8"`, or empty."""
    found = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", content_type, re.IGNORECASE)
    return found.group(1) if found else ""
