"""The words that belong to a picture of a page: its caption, and what stands around it."""

from collections.abc import Iterator
from itertools import islice

from bs4 import Tag
from bs4.element import NavigableString, PageElement

from medsift.sources._web.tags import ancestor, value_of

MAX_CAPTION = 1000
NEARBY_CHARACTERS = 500
NEARBY_STEPS = 200


def caption_of(tag: Tag) -> str:
    """The figure's caption, else what stands in place of the picture, else the words of a link."""
    figure = ancestor(tag, "figure")
    caption = text_of(figure.find("figcaption"), MAX_CAPTION) if figure else ""
    spoken = (value_of(tag, name) for name in ("alt", "aria-label", "title"))
    words = caption or next((words for words in spoken if words.strip()), "")
    if not words and tag.name == "a":
        return text_of(tag, MAX_CAPTION)
    return " ".join(words.split())[:MAX_CAPTION]


def nearby(tag: Tag) -> str:
    """Up to 500 characters of the words that stand before and after the picture."""
    half = NEARBY_CHARACTERS // 2
    before = " ".join(reversed(_words(tag.previous_elements, half)))[-half:]
    after = " ".join(_words(tag.next_elements, half))[: NEARBY_CHARACTERS - len(before) - 1]
    return f"{before} {after}".strip()


def _words(elements: Iterator[PageElement], enough: int) -> list[str]:
    found: list[str] = []
    for element in islice(elements, NEARBY_STEPS):
        # Only plain text is of exactly this class: comments, scripts and styles are its subclasses.
        if type(element) is NavigableString and element.strip() and ancestor(element, "title") is None:
            found.append(" ".join(element.split()))
        if sum(map(len, found)) >= enough:
            break
    return found


def text_of(tag: PageElement | None, characters: int) -> str:
    return " ".join(tag.get_text(" ").split())[:characters] if tag else ""
