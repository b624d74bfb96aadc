"""`srcset`: several sizes of one picture (HTML Living Standard, section 4.8.4.2)."""

import re
from collections.abc import Iterator

DESCRIPTOR = re.compile(r"(\d+(?:\.\d+)?)([wx])")
MAX_CHARACTERS = 100_000


def largest(sets: list[str]) -> str:
    """The address of the largest picture in several `srcset`s: by width where one is said, else by density.

    Among equals the first counts. Empty where there is none.
    """
    entries = [entry for one in sets for entry in _entries(one[:MAX_CHARACTERS])]
    return max(entries, key=lambda entry: entry[1], default=("", (False, 0.0)))[0]


def _entries(srcset: str) -> Iterator[tuple[str, tuple[bool, float]]]:
    """Address and (is a width, value). An address may hold commas, so it ends at white space or at its last comma."""
    rest = srcset.lstrip(" \t\r\n\f,")
    while rest:
        address, _, rest = _cut(rest)
        descriptors = ""
        if address.endswith(","):
            address = address.rstrip(",")
        else:
            descriptors, _, rest = rest.partition(",")
        if address:
            yield address, _size(descriptors)
        rest = rest.lstrip(" \t\r\n\f,")


def _cut(text: str) -> tuple[str, str, str]:
    found = re.search(r"[ \t\r\n\f]", text)
    return (text, "", "") if found is None else (text[: found.start()], found.group(), text[found.end() :])


def _size(descriptors: str) -> tuple[bool, float]:
    for descriptor in descriptors.split():
        found = DESCRIPTOR.fullmatch(descriptor)
        if found:
            return found.group(2) == "w", float(found.group(1))
    return False, 1.0
