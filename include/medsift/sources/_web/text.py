"""From the bytes of a page to its characters, in the order of the HTML standard: mark, server, page, UTF-8."""

import codecs

from bs4.dammit import EncodingDetector

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Pages that say Latin-1 or ASCII mean Windows-1252; one that declares UTF-16 in bytes that can be read is not.
MEANT = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252"}


def decoded_page(data: bytes, charset: str) -> str:
    """The characters of a page; `charset` is what the server said, or empty. Never fails."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    declared = EncodingDetector.find_declared_encoding(data, is_html=True) or ""
    if declared.lower().startswith("utf-16"):
        declared = "utf-8"
    for name in (charset, declared):
        try:
            return data.decode(MEANT.get(name.lower(), name), "replace")
        except (LookupError, ValueError):
            continue  # no name, or of no encoding of text
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        is_cut = error.end == len(data) or error.start > len(data) - 4
        return data.decode("utf-8" if is_cut else "cp1252", "replace")
