"""From the bytes of a page to its characters, in the order of the HTML standard: mark, server, page, UTF-8."""

import codecs

from bs4.dammit import EncodingDetector

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# What browsers read in place of an encoding, by its name in Python: a larger one that old pages mean by its label.
MEANT = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
# Labels of the WHATWG Encoding Standard that Python has no name for.
LABELS = {
    "cp1252": ("iso88591", "x-cp1252"), "cp1250": ("x-cp1250",), "cp1251": ("x-cp1251",),
    "cp1254": ("iso88599", "x-cp1254"), "cp874": ("dos-874", "iso885911", "windows-874"),
    "iso8859-8": ("iso-8859-8-i", "iso-8859-8-e", "csiso88598i", "csiso88598e", "logical", "visual"),
    "gb18030": ("x-gbk", "gb_2312", "gb_2312-80", "csgb2312"), "big5hkscs": ("cn-big5", "x-x-big5"),
    "cp932": ("x-sjis", "windows-31j", "csshiftjis"), "euc_jp": ("x-euc-jp", "cseucpkdfmtjapanese"),
    "cp949": ("windows-949", "cseuckr", "csksc56011987", "iso-ir-149", "ks_c_5601-1989", "ksc_5601"),
    "koi8-r": ("koi", "koi8", "cskoi8r"), "koi8-u": ("koi8-ru",),
    "mac_roman": ("x-mac-roman", "csmacintosh", "mac"), "mac_cyrillic": ("x-mac-cyrillic", "x-mac-ukrainian"),
}  # fmt: skip
NAMED = {label: encoding for encoding, labels in LABELS.items() for label in labels}
NEVER = {"utf-7"}  # what it says, filters of markup do not see
# Of so many bytes a twentieth is searched for a declaration, by an expression that is slow where somebody wants it.
SEARCHED_BYTES = 20 * 16_384


def decoded_page(data: bytes, charset: str) -> str:
    """The characters of a page; `charset` is what the server said, or empty. Never fails."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    declared = EncodingDetector.find_declared_encoding(data[:SEARCHED_BYTES], is_html=True) or ""
    if declared.startswith("utf-16"):  # it could be read
        declared = "utf-8"
    for name in (charset, declared):
        try:
            return data.decode(_encoding(name), "replace")
        except (LookupError, ValueError):
            continue  # no name, or of no encoding of text
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        is_cut = error.end == len(data) or error.start > len(data) - 4
        return data.decode("utf-8" if is_cut else "cp1252", "replace")


def _encoding(label: str) -> str:
    """The encoding that browsers read by this label; raises `LookupError` or `ValueError` where there is none."""
    name = codecs.lookup(NAMED.get(label.lower(), label)).name
    if name in NEVER:
        raise LookupError(label)
    return MEANT.get(name, name)
