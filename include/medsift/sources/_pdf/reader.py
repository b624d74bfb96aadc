"""Runs in the sandbox child: a PDF in, headers and bytes out, page by page, so that the parent knows how far it came.

Headers by their `type`: `about` (title, pages), `attached` (there are files attached), `page` (a page begins),
`picture` (bytes follow), `refused` (state, reason; `is_part` where it is a page), `next` (the page to go on with in
another call), `damaged` (the reason why nothing could be had of the whole file).
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medsift.errors import EmptySourceError, SourceError
from medsift.sources._pdf import Mu
from medsift.sources._pdf.attachments import has_clipped, has_named
from medsift.sources._pdf.damage import content_fault, passed_over
from medsift.sources._pdf.facts import PageObjects
from medsift.sources._pdf.jpeg_headers import JpegHeaders
from medsift.sources._pdf.making import Known, Refused, Taken
from medsift.sources._pdf.opening import mupdf_errors, opened, page_count, stray_pictures
from medsift.sources._pdf.page import pictures_of
from medsift.sources._pdf.words import Words, title_of

Answer = tuple[dict[str, Any], bytes]
MAX_BAD_PAGES = 25  # in a row: a page tree may claim millions
SMOOTH = 8  # bits by which MuPDF tells how much of a pixel is covered; what it does by itself
HAND_BACK_BYTES = 256 * 2**20


def pictures(arguments: dict[str, Any], _payload: bytes) -> Iterator[Answer]:
    """All pictures of the PDF at `path` from page `first_page` on.

    Hands back with a `next` header after `budget_s` seconds, between two pages. Pictures of more than `max_pixels`
    are refused. Page `hurried_page` (0: none) is drawn without smoothing. Raises `SourceError` where nothing of the
    file can be read.
    """
    document = opened(Path(arguments["path"]))
    count, first = page_count(document), int(arguments["first_page"])
    if first == 1:
        yield {"type": "about", "title": _title(document, count), "pages": count}, b""
        if has_named(document):
            yield {"type": "attached"}, b""
    bad = came = 0
    for answer in _pages(document, count, arguments):
        bad += bool(answer[0].get("is_part"))
        came += answer[0]["type"] == "picture"
        yield answer
    if first == 1 and bad >= count and not came:
        yield from _strays(document, count, arguments["max_pixels"])


def _pages(document: Mu, count: int, arguments: dict[str, Any]) -> Iterator[Answer]:
    known, headers, sent, bad = Known(), JpegHeaders(document, arguments["max_pixels"]), 0, 0
    ends = time.monotonic() + arguments["budget_s"]
    for number in range(arguments["first_page"], count + 1):
        if time.monotonic() > ends or sent > HAND_BACK_BYTES:
            yield {"type": "next", "page": number}, b""
            return
        yield {"type": "page", "page": number}, b""
        _smooth(is_smooth=number != arguments["hurried_page"])
        try:
            headers.mend(number)
            for answer in _page(document, number, arguments["max_pixels"], known):
                sent += len(answer[1])
                yield answer
            bad = 0
        except mupdf_errors() as error:
            yield _broken(number, f"The page cannot be read ({error}).")
            bad += 1
        finally:
            _smooth(is_smooth=True)  # the process goes on to other pages, files and tasks
        if bad >= MAX_BAD_PAGES and number < count:
            yield _broken(number + 1, f"Pages {number + 1} to {count} were not tried: {bad} in a row cannot be read.")
            return


def _smooth(is_smooth: bool) -> None:
    """How edges are drawn: smooth ones take many times as long, a minute where a path has 60,000 sides."""
    import pymupdf

    pymupdf.TOOLS.set_aa_level(SMOOTH if is_smooth else 0)


def _page(document: Mu, number: int, max_pixels: int, known: Known) -> Iterator[Answer]:
    page = document.load_page(number - 1)
    if has_clipped(page):
        yield {"type": "attached"}, b""
    if fault := content_fault(document, page):
        yield _broken(number, fault)
    display_list, lost = _interpreted(document, page, number)
    yield from (_answer(Refused(None, "failed", reason), number, None, None) for reason in lost)
    box = tuple(display_list.rect)
    hears_text = any(font[2] == "Type3" for font in document.get_page_fonts(number - 1))
    words, objects = Words(display_list), PageObjects(document, number)
    for made in pictures_of(
        display_list.this,
        box,
        hears_text=hears_text,
        words=words,
        max_pixels=max_pixels,
        known=known,
    ):
        yield _answer(made, number, words, objects)


def _interpreted(document: Mu, page: Mu, number: int) -> tuple[Mu, list[str]]:
    """The page's display list, and why pictures are missing from it."""
    import pymupdf

    pymupdf.TOOLS.reset_mupdf_warnings()
    display_list = page.get_displaylist()
    return display_list, list(passed_over(document, number))


def _strays(document: Mu, count: int, max_pixels: int) -> Iterator[Answer]:
    """What is left of a file without readable pages; raises where that is nothing."""
    found = 0
    for made in stray_pictures(document, max_pixels):
        found += isinstance(made, Taken)
        yield _answer(made, None, None, None)
    if found:
        yield _broken(None, "The pages of this PDF cannot be reached; its pictures were taken without them.")
    elif count == 0 and not document.is_repaired:
        raise EmptySourceError("The PDF has no pages.")
    elif count == 0:
        raise SourceError("The PDF is damaged: none of its pages can be reached.")
    elif document.is_repaired:
        yield {"type": "damaged", "reason": "The PDF is damaged: none of its pages can be read."}, b""


def _answer(made: Taken | Refused, number: int | None, words: Words | None, objects: PageObjects | None) -> Answer:
    box = None if made.box is None or number is None else [round(value, 2) for value in made.box]
    if isinstance(made, Refused):
        return {"type": "refused", "page": number, "box": box, "state": made.state, "reason": made.reason}, b""
    caption, nearby = words.around(made.box) if words else ("", "")
    facts = objects.facts(made.parts) if objects else {}
    place = {"page": number, "box": box, "caption": caption, "nearby": nearby, "facts": facts}
    return {"type": "picture", "is_rebuilt": made.is_rebuilt, **place}, made.data


def _broken(number: int | None, reason: str) -> Answer:
    return {"type": "refused", "page": number, "box": None, "state": "failed", "reason": reason, "is_part": True}, b""


def _title(document: Mu, count: int) -> str:
    try:
        first = document.load_page(0).get_displaylist() if count else None
        return title_of(document.metadata, first)
    except mupdf_errors():
        return title_of(document.metadata, None)
