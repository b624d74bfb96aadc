"""The words around a picture: its caption, what stands near it, and the title of the document."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from medsift.sources._pdf import Mu
from medsift.sources._pdf.geometry import Box, overlap

MAX_CAPTION = 1000
MAX_NEARBY = 500
NEARBY_POINTS = 150.0
BODY_CHARACTERS = 180  # a paragraph of so many characters between picture and caption parts them
ABOVE_PENALTY, BESIDE_PENALTY, WEAK_PENALTY = 40.0, 60.0, 80.0
ROW_DROP = 60.0  # points: a caption so close under a row of pictures is theirs all, though it stands in its middle
FILLED, STROKED = 16, 32  # bits of a span's char_flags: neither means invisible text, as under a scan

LABEL = (
    r"(?:(?:supplementary|suppl?\.|extended data|online|additional)\s+)?"
    r"(?:fig(?:ure|ura|\.)?s?|tab(?:le|elle|\.)?|abb(?:ildung|\.)?|scheme|plate|chart|image|photo|panel|video|"
    r"рис(?:унок|\.)?|табл\.?|图|圖|図|表|그림|표|شکل|איור)"
)
NUMBER = r"\s*(?:[a-z]?\d+(?:[.\-]\d+)*|[ivxlc]+|[a-z])(?:\s*\(?[a-h](?:\s*[-,&]\s*[a-h])*\)?)?"
CAPTION = re.compile(rf"^\W{{0,3}}{LABEL}{NUMBER}(?P<after>\s*[.:|)\]\u2013\u2014-]|\s|$)", re.IGNORECASE)
IN_RUNNING_TEXT = re.compile(
    rf"^\W{{0,3}}{LABEL}{NUMBER}\)?,?\s+(?:and|or|to|in|of|is|are|was|were|can|has|have|we|it|which|that|also|for|"
    r"shows?|showed|gives?|illustrates?|depicts?|presents?|displays?|demonstrates?|summari[sz]es?|provides?|"
    r"compares?|lists?|reports?|contains?|describes?|plots?|indicates?|reveals?|above|below)\b",
    re.IGNORECASE,
)
POOR_TITLE = re.compile(
    r"^(?:microsoft (?:word|powerpoint)\b.*|untitled\b.*|(?:document|slide|title|paper|main|article)\s*\d*|"
    r".*\.(?:docx?|pdf|tex|dvi|indd|qxd|pptx?|rtf|eps|ps|odt|xlsx?|ai|fm|pages|html?)\W*\d*|[\W\d_]*|\S*\d{4,}\S*)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Paragraph:
    """Text of one block, or of a block from a caption's first line on, with its box on the displayed page."""

    box: Box
    text: str
    is_caption: bool
    is_weak: bool
    is_visible: bool


def paragraphs_of(display_list: Mu) -> list[Paragraph]:
    """The paragraphs of a page in reading order as the file has it; a caption inside a block is cut from it."""
    found: list[Paragraph] = []
    for block in _blocks(display_list):
        lines = [(_text(line), line) for line in block["lines"]]
        lines = [(text, line) for text, line in lines if text]
        start = 0
        for index, (text, _line) in enumerate(lines):
            match = CAPTION.match(text)
            follows_caption = bool(CAPTION.match(lines[start][0]))
            is_strong = match and (follows_caption or match.group("after").strip())
            if index > start and is_strong and not IN_RUNNING_TEXT.match(text):
                found += _paragraph(lines[start:index])
                start = index
        found += _paragraph(lines[start:])
    return found


def caption_of(box: Box, paragraphs: Iterable[Paragraph]) -> str:
    """The caption of the picture at `box`: the nearest below it, then above or beside, in its column; or empty."""
    everything = list(paragraphs)
    bodies = [one for one in everything if not one.is_caption and len(one.text) >= BODY_CHARACTERS]
    ranked = [
        (distance, one.text)
        for one in everything
        if one.is_caption and (distance := _caption_distance(box, one, bodies)) is not None
    ]
    return min(ranked)[1][:MAX_CAPTION] if ranked else ""


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

    def paragraphs(self) -> list[Paragraph]:
        """All paragraphs of the page."""
        if self._paragraphs is None:
            self._paragraphs = paragraphs_of(self._display_list)
        return self._paragraphs

    def around(self, box: Box) -> tuple[str, str]:
        """Caption and nearby words of the picture at `box`."""
        caption = caption_of(box, self.paragraphs())
        return caption, nearby_of(box, self.paragraphs(), caption)

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


def _blocks(display_list: Mu) -> list[dict[str, Any]]:
    import pymupdf

    flags = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
    page = pymupdf.TextPage(display_list.get_textpage(flags))
    return [block for block in page.extractDICT()["blocks"] if block["type"] == 0]


def _text(line: dict[str, Any]) -> str:
    return " ".join("".join(span["text"] for span in line["spans"]).split())


def _is_shown(line: dict[str, Any]) -> bool:
    return any(span.get("char_flags", FILLED) & (FILLED | STROKED) and span["text"].strip() for span in line["spans"])


def _paragraph(lines: list[tuple[str, dict[str, Any]]]) -> list[Paragraph]:
    if not lines:
        return []
    boxes = [line["bbox"] for _, line in lines]
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    text = _mended([text for text, _ in lines])
    is_caption = bool(match := CAPTION.match(text))
    is_weak = bool(IN_RUNNING_TEXT.match(text)) or bool(match and not match.group("after").strip() and len(text) > 400)
    visible = any(_is_shown(line) for _, line in lines)
    return [Paragraph((min(x0), min(y0), max(x1), max(y1)), text, is_caption, is_weak, visible)]


def _mended(lines: Iterable[str]) -> str:
    """Lines as one text, words that were broken at a line's end made whole."""
    text = ""
    for line in lines:
        if text.endswith("\u00ad") or (re.search(r"[^\W\d_]-$", text) and line[:1].islower()):
            text = text[:-1] + line
        else:
            text = f"{text} {line}" if text else line
    return text.replace("\u00ad", "").replace("\ufffd", "").strip()


def _caption_distance(box: Box, caption: Paragraph, bodies: list[Paragraph]) -> float | None:
    other = caption.box
    level = min(box[2], other[2]) - max(box[0], other[0])
    narrower = min(box[2] - box[0], other[2] - other[0])
    weak = WEAK_PENALTY if caption.is_weak else 0.0
    middle = (box[1] + box[3]) / 2
    if level > 0.3 * narrower:
        below = other[1] >= middle
        gap = max(0.0, other[1] - box[3]) if below else max(0.0, box[1] - other[3])
        is_table = caption.text[:3].lower() == "tab"
        between = (max(box[0], other[0]), box[3], min(box[2], other[2]), other[1])
        if not below:
            between = (between[0], other[3], between[2], box[1])
        if any(overlap(between, body.box)[2] for body in bodies):
            return None
        return gap + weak + (ABOVE_PENALTY if below == is_table else 0.0)
    apart = max(box[0] - other[2], other[0] - box[2])
    drop = max(other[1] - box[3], box[1] - other[3])
    if apart < box[2] - box[0] and 0 <= drop <= ROW_DROP:
        return drop + apart + weak + BESIDE_PENALTY
    upright = min(box[3], other[3]) - max(box[1], other[1])
    if upright > 0 and (gap := max(other[0] - box[2], box[0] - other[2])) < NEARBY_POINTS:
        return max(0.0, gap) + weak + BESIDE_PENALTY
    return None


def _gap(one: Box, other: Box) -> float:
    across = max(0.0, one[0] - other[2], other[0] - one[2])
    down = max(0.0, one[1] - other[3], other[1] - one[3])
    return float((across**2 + down**2) ** 0.5)


def _largest(display_list: Mu) -> str:
    lines = [
        (max(span["size"] for span in line["spans"]), _text(line))
        for block in _blocks(display_list)
        for line in block["lines"]
        if abs(line["dir"][0] - 1) < 0.01 and line["spans"] and _is_shown(line)
    ]
    lines = [(size, text) for size, text in lines if sum(letter.isalpha() for letter in text) >= 2]
    for size in sorted({round(size, 1) for size, _ in lines}, reverse=True)[:3]:
        title = _mended(text for own, text in lines if abs(own - size) <= 0.6)
        if len(title) >= 8 and not _is_garbled(title):
            return title[:300]
    return ""


def _is_garbled(text: str) -> bool:
    return sum(letter.isalpha() or letter.isspace() for letter in text) < 0.6 * len(text)
