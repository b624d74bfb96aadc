"""The words around a picture: its caption, what stands near it, and the title of the document."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from medsift.sources._pdf import Mu
from medsift.sources._pdf.captions import captions_of
from medsift.sources._pdf.geometry import Box, area, overlap
from medsift.sources._pdf.paragraphs import Paragraph, blocks_of, is_shown, mended, paragraphs_of, text_of

MAX_CAPTION = 1000
MAX_NEARBY = 500
NEARBY_POINTS = 150.0
MAX_PICTURES = 200  # of a page, that captions are sought for: the work grows with their square
POOR_TITLE = re.compile(
    r"^(?:microsoft (?:word|powerpoint)\b.*|untitled\b.*|(?:document|slide|title|paper|main|article)\s*\d*|"
    r".*\.(?:docx?|pdf|tex|dvi|indd|qxd|pptx?|rtf|eps|ps|odt|xlsx?|ai|fm|pages|html?)\W*\d*|[\W\d_]*|\S*\d{4,}\S*)$",
    re.IGNORECASE,
)


def nearby_of(box: Box, paragraphs: Iterable[Paragraph], caption: str) -> str:
    """Up to 500 characters of other text near the picture, the nearest first."""
    others = [one for one in paragraphs if len(one.text) > 2 and not (caption and one.text.startswith(caption))]
    ranked = sorted((distance, one.text) for one in others if (distance := _gap(box, one.box)) <= NEARBY_POINTS)
    return " ".join(text for _, text in ranked)[:MAX_NEARBY].strip()


class Words:
    """The words of one page, read at the first question."""

    def __init__(self, display_list: Mu) -> None:
        self._display_list = display_list
        self._paragraphs: list[Paragraph] | None = None
        self._pictures: Sequence[Box] = ()
        self._captions: dict[Box, Paragraph] | None = None

    def stand_around(self, pictures: Sequence[Box]) -> None:
        """Tell where all pictures of the page are: captions are shared out among the largest of them."""
        self._pictures = sorted(pictures, key=area, reverse=True)[:MAX_PICTURES]

    def paragraphs(self) -> list[Paragraph]:
        """All paragraphs of the page."""
        if self._paragraphs is None:
            self._paragraphs = paragraphs_of(self._display_list)
        return self._paragraphs

    def around(self, box: Box) -> tuple[str, str]:
        """Caption and nearby words of the picture at `box`."""
        if self._captions is None:
            self._captions = captions_of(self._pictures, self.paragraphs())
        own = self._captions.get(self._whole(box) or box)
        caption = own.text[:MAX_CAPTION] if own else ""
        return caption, nearby_of(box, self.paragraphs(), caption)

    def _whole(self, box: Box) -> Box | None:
        """The picture at `box`, or the one that this is a piece of: where one is broken they come singly."""
        touched = [one for one in self._pictures if area(overlap(one, box))]
        return max(touched, key=lambda one: area(overlap(one, box)) / (area(one) + area(box)), default=None)

    def visible_on(self, box: Box) -> list[Box]:
        """Where visible text is set within `box`."""
        return [one.box for one in self.paragraphs() if one.is_visible and overlap(one.box, box)[2]]


def title_of(metadata: dict[str, Any] | None, first_page: Mu | None) -> str:
    """The document's title: from its metadata where that names it, else the largest words of its first page."""
    stated = " ".join(str((metadata or {}).get("title") or "").split())
    stated = re.sub(r"^Microsoft (?:Word|PowerPoint)\s*-\s*", "", stated)
    if len(stated) >= 5 and not POOR_TITLE.match(stated) and not _is_garbled(stated):
        return stated[:300]
    return _largest(first_page) if first_page is not None else ""


def _gap(one: Box, other: Box) -> float:
    across = max(0.0, one[0] - other[2], other[0] - one[2])
    down = max(0.0, one[1] - other[3], other[1] - one[3])
    return float((across**2 + down**2) ** 0.5)


def _largest(display_list: Mu) -> str:
    lines = [
        (max(span["size"] for span in line["spans"]), text_of(line))
        for block in blocks_of(display_list)
        for line in block["lines"]
        if abs(line["dir"][0] - 1) < 0.01 and line["spans"] and is_shown(line)
    ]
    lines = [(size, text) for size, text in lines if sum(letter.isalpha() for letter in text) >= 2]
    for size in sorted({round(size, 1) for size, _ in lines}, reverse=True)[:3]:
        title = mended(text for own, text in lines if abs(own - size) <= 0.6)
        if len(title) >= 8 and not _is_garbled(title):
            return title[:300]
    return ""


def _is_garbled(text: str) -> bool:
    return sum(letter.isalpha() or letter.isspace() for letter in text) < 0.6 * len(text)
