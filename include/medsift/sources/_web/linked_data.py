"""Addresses of pictures in JSON-LD, which pages hold for search engines (schema.org, property `image`)."""

import json
from collections.abc import Iterator
from typing import Any

MAX_NODES = 10_000  # of one script


def pictures_of_linked_data(text: str) -> Iterator[str]:
    """Every `image` in a script of type application/ld+json, in order; none where it cannot be read."""
    try:
        waiting: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    for _ in range(MAX_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, dict):
            yield from _addresses(node.get("image"))
            waiting += reversed(list(node.values()))
        elif isinstance(node, list):
            waiting += reversed(node)


def _addresses(image: Any) -> Iterator[str]:
    for one in image if isinstance(image, list) else [image]:
        address = (one.get("contentUrl") or one.get("url")) if isinstance(one, dict) else one
        if isinstance(address, str):
            yield address
