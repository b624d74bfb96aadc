"""The paragraphs of a page, and which of them are captions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from medsift.sources._pdf import Mu
from medsift.sources._pdf.geometry import Box

FILLED, STROKED = 16, 32  # bits of a span's char_flags: neither means invisible text, as under a scan

FIGURE = r"(?:fig(?:ur[ae]?|uur|\.)?s?|abb(?:ildung(?:en)?|\.)?)"
OTHER_FIGURE = (
    r"illustrations?|ilustración|ilustração|illustrazione|bild|rys(?:unek|\.)?|obr(?:ázek|\.)?|kuva|şekil|hình|εικόνα|"
    r"slika|ábra|gambar|рис(?:унок|\.)?|图|圖|図|그림|شکل|איור|scheme|plate|chart|image|photo|panel|video"
)
TABLE = r"tab(?:le|elle|\.)?s?|табл\.?|表|표"
LABEL = (
    r"(?:(?:supplementary|suppl?\.|extended data|online|additional)\s+|e-?)?"
    rf"(?:{FIGURE}|{OTHER_FIGURE}|(?P<table>{TABLE}))"
)
NUMBER = r"\s*(?:[a-z]?\d+(?:[.\-]\d+)*|(?<!\w)(?:[ivxlc]+|[a-z]))(?:\s*\(?[a-h](?:\s*[-,&]\s*[a-h])*\)?)?"
CAPTION = re.compile(
    rf"^\W{{0,3}}(?:{LABEL}{NUMBER}|\d+\.\s*ábra|{FIGURE}(?=\s*:))(?P<after>\s*[.:|)\]\u2013\u2014-]|\s|$)",
    re.IGNORECASE,
)
IN_RUNNING_TEXT = re.compile(
    rf"^\W{{0,3}}{LABEL}{NUMBER}\)?,?\s+(?:and|or|to|in|of|is|are|was|were|can|has|have|we|it|which|that|also|for|"
    r"shows?|showed|gives?|illustrates?|depicts?|presents?|displays?|demonstrates?|summari[sz]es?|provides?|"
    r"compares?|lists?|reports?|contains?|describes?|plots?|indicates?|reveals?|above|below)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Paragraph:
    """Text of one block, or of a block from a caption's first line on, with its box on the displayed page."""

    box: Box
    text: str
    is_caption: bool
    is_of_table: bool
    is_weak: bool
    is_visible: bool


def paragraphs_of(display_list: Mu) -> list[Paragraph]:
    """The paragraphs of a page in reading order as the file has it; a caption inside a block is cut from it."""
    found: list[Paragraph] = []
    for block in blocks_of(display_list):
        lines = [(text_of(line), line) for line in block["lines"]]
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


def blocks_of(display_list: Mu) -> list[dict[str, Any]]:
    """The blocks of text of a page, as MuPDF has them."""
    import pymupdf

    flags = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
    page = pymupdf.TextPage(display_list.get_textpage(flags))
    return [block for block in page.extractDICT()["blocks"] if block["type"] == 0]


def text_of(line: dict[str, Any]) -> str:
    """The words of a line."""
    return " ".join("".join(span["text"] for span in line["spans"]).split())


def is_shown(line: dict[str, Any]) -> bool:
    """Whether some of the line can be seen."""
    return any(span.get("char_flags", FILLED) & (FILLED | STROKED) and span["text"].strip() for span in line["spans"])


def _paragraph(lines: list[tuple[str, dict[str, Any]]]) -> list[Paragraph]:
    if not lines:
        return []
    boxes = [line["bbox"] for _, line in lines]
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    text = mended([text for text, _ in lines])
    match = CAPTION.match(text)
    return [
        Paragraph(
            box=(min(x0), min(y0), max(x1), max(y1)),
            text=text,
            is_caption=match is not None,
            is_of_table=match is not None and match.group("table") is not None,
            is_weak=IN_RUNNING_TEXT.match(text) is not None
            or (match is not None and not match.group("after").strip() and len(text) > 400),
            is_visible=any(is_shown(line) for _, line in lines),
        )
    ]


def mended(lines: Iterable[str]) -> str:
    """Lines as one text, words that were broken at a line's end made whole."""
    text = ""
    for line in lines:
        if text.endswith("\u00ad") or (re.search(r"[^\W\d_]-$", text) and line[:1].islower()):
            text = text[:-1] + line
        else:
            text = f"{text} {line}" if text else line
    return text.replace("\u00ad", "").replace("\ufffd", "").strip()
