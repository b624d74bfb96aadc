"""What is asked of the tags of a page."""

from itertools import islice

from bs4 import Tag
from bs4.element import PageElement

MAX_CLIMB = 20


def ancestor(element: PageElement, name: str) -> Tag | None:
    """The nearest ancestor of that name, not far up: a page that ends nothing is as deep as it is long."""
    return next((tag for tag in islice(element.parents, MAX_CLIMB) if tag.name == name), None)


def value_of(tag: Tag, name: str) -> str:
    """An attribute as it stands in the page; empty where it is not there."""
    value = tag.get(name, "")
    return value if isinstance(value, str) else " ".join(value or [])
