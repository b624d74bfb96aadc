"""Pictures that style declarations show (CSS Syntax Level 3, CSS Images Level 4)."""

import re
from collections.abc import Iterator

# Nothing of these is tried twice: a page may be ten megabytes of blanks or backslashes.
STRING = r"(?:\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?)"
URL = rf"(?<![\w-])url\(\s*+(?:{STRING}|(?:[^\"'()\\]|\\.)*+)\s*+(?:\)|\Z)"
COMMENT = r"/\*(?:.*?\*/|.*)"
IMAGE_SET = rf"image-set\((?:[^()\"'\\]|\\.|{STRING}|\((?:[^()\"'\\]|\\.|{STRING})*+\))*+\)?"
TOKEN = re.compile(rf"{COMMENT}|\\.|{URL}|{IMAGE_SET}|{STRING}|[{{}};:]", re.IGNORECASE | re.DOTALL)
OPTION = re.compile(
    rf"(?P<address>{URL}|{STRING})|type\(\s*+(?P<type>{STRING})|(?<![\d.])(?P<density>\d[\d.]*+)(?P<unit>x|dppx|dpi)|,",
    re.IGNORECASE | re.DOTALL,
)
ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|(.))", re.IGNORECASE | re.DOTALL)
# Not fonts, pointers, masks and filters; a property of the page's own (`--x`) may be used for any.
SHOWING = re.compile(r"--.*|(?:-\w+-)?(?:background|list-style|border-image|content)(?:-image|-source)?", re.DOTALL)
UNREADABLE_TYPES = ("image/avif", "image/svg+xml")
DPI_OF_1X = 96


def pictures_of_style(style: str) -> Iterator[list[str]]:
    """Addresses, best first, of each picture that a style attribute or a style sheet shows."""
    begins, is_named, is_showing = 0, False, False
    for token in TOKEN.finditer(style):
        text = token[0]
        if text in ("{", "}", ";"):
            begins, is_named, is_showing = token.end(), False, False
        elif text == ":" and not is_named:
            name = style[begins : token.start()].rpartition("*/")[2].strip().lower()
            is_named, is_showing = True, SHOWING.fullmatch(name) is not None
        elif is_showing and text[:4].lower() == "url(":
            yield [_address(text)]
        elif is_showing and text[:10].lower() == "image-set(":
            yield _offered(text[10:])


def _offered(options: str) -> list[str]:
    """The addresses of an `image-set`, the densest first."""
    found: list[tuple[float, str]] = []
    density, address, is_readable = 1.0, "", True
    for part in (*OPTION.finditer(options), None):
        if part is None or part[0] == ",":
            found += [(density, address)] if address and is_readable else []
            density, address, is_readable = 1.0, "", True
        elif part["address"]:
            address = address or _address(part["address"])
        elif part["type"]:
            is_readable = _address(part["type"]).lower() not in UNREADABLE_TYPES
        else:
            density = _density(part["density"], part["unit"])
    return [address for _, address in sorted(found, key=lambda one: -one[0])]


def _density(number: str, unit: str) -> float:
    value = float(number) if number.count(".") < 2 else 1.0
    return value / DPI_OF_1X if unit.lower() == "dpi" else value


def _address(token: str) -> str:
    """What a `url()` or a string says."""
    if token[:4].lower() == "url(":
        token = token[4:].removesuffix(")").strip()
    if token[:1] in ("'", '"'):
        token = token[1:].removesuffix(token[0])
    return ESCAPE.sub(lambda found: _character(found[1]) if found[1] else found[2].strip("\n"), token)


def _character(digits: str) -> str:
    code = int(digits, 16)
    is_one = 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return chr(code) if is_one else "\N{REPLACEMENT CHARACTER}"
