"""PDF files: every picture as the rendered page shows it, and those of attached files. What reads them runs in the
sandbox (package _pdf)."""

import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import ClassVar, cast

from medsift.contracts import About, Candidate, Leaf, Missed, Place
from medsift.errors import EmptySourceError, SandboxError, SourceError
from medsift.sandbox import MAX_REASON, TOO_LONG, Item
from medsift.sources import Tools, register
from medsift.sources._pdf.geometry import Box, area, overlap
from medsift.sources._within.opening import NESTED, pictures_within

READER = "medsift.sources._pdf.reader:pictures"
ATTACHMENTS = "medsift.sources._pdf.attachments:members"
SECONDS_A_PAGE = 1.0  # what a file may take beyond `child_timeout_s` for each of its pages
BUDGET_S = 15.0  # after so long a child hands back between two pages, so that a limit meets one page, not the file
MAX_PAGES_TIMED = 20_000  # pages that a file claims beyond these get no time of their own
MAX_DEATHS = 10
SAME_PLACE = 0.9  # share in common of two boxes of a page that was read twice
FACTS, MAX_FACT = ("xref", "pixel_size", "colour_space"), 200  # of a picture's object; see _pdf/facts.py


@register("pdf")
class PdfSource:
    """PDF: pictures with page, box, caption and nearby words; of attached files with their names behind the path."""

    name: ClassVar[str] = "pdf"

    def recognises(self, source: str, head: bytes) -> bool:
        """A header among the first 1024 bytes, as readers have it, or the ending."""
        return b"%PDF" in head[:1024] or source.lower().endswith(".pdf")

    def extract(self, leaf: Leaf, tools: Tools) -> Iterator[Candidate | Missed | About]:
        """Every picture of the PDF in page order, then those of attached files; raises `SourceError` where none of it
        can be read."""
        if not leaf.path or not Path(leaf.path).is_file():
            raise SourceError("There is no such file.")
        path, came = Path(leaf.path).absolute(), False
        reading = _Reading(path, tools)
        try:
            for item in reading.run():
                came = came or isinstance(item, Candidate)
                yield item
        except SourceError as error:
            if not reading.has_attached:
                raise
            yield _lost(None, str(error))
        if reading.has_attached:
            yield from _attached(path, leaf, tools)
        elif came:
            tools.keep(path)  # nor is one that carries files: there may be DICOM among them


def _attached(path: Path, leaf: Leaf, tools: Tools) -> Iterator[Candidate | Missed]:
    """Pictures of attached files; a fault of theirs costs the pages nothing."""
    if tools.is_within:
        yield Missed(Place(), "rejected", NESTED)
        return
    try:
        yield from pictures_within(ATTACHMENTS, path, leaf, tools)
    except SourceError as error:
        yield _lost(None, f"The attached files could not be read. {error}")


class _Reading:
    """One file read in as many calls of the child as it takes."""

    def __init__(self, path: Path, tools: Tools) -> None:
        self.path = path
        self.sandbox = tools.sandbox
        self.max_pixels = tools.settings.max_pixels
        # Half for one call, so that a page that hangs leaves time for those behind it.
        self.call_limit_s = tools.settings.child_timeout_s / 2
        self.ends = time.monotonic() + tools.settings.child_timeout_s
        self.pages: int | None = None
        self.at = 0
        self.deaths = 0
        self.hurried = 0  # the page, if any, that took too long and is read once more, drawn in haste
        self.told: list[tuple[Place, str]] = []  # of the page at hand: where each picture was, or why there is none
        self.damage = ""
        self.has_attached = False

    def run(self) -> Iterator[Candidate | Missed | About]:
        following: int | None = 1
        while following is not None:
            if time.monotonic() > self.ends or self.deaths > MAX_DEATHS:
                if self.pages is None:
                    raise SandboxError(TOO_LONG)
                yield _lost(following, f"Pages {following} to {self.pages} were not read: {self._why_stopped()}.")
                return
            following = yield from self._call(following)
        if self.damage:
            raise SourceError(self.damage)

    def _call(self, first: int) -> Generator[Candidate | Missed | About, None, int | None]:
        """One call of the child from page `first` on; returns the page to go on with, or None at the end."""
        arguments = {
            "path": str(self.path), "first_page": first, "max_pixels": self.max_pixels,
            "budget_s": min(BUDGET_S, self.call_limit_s / 4), "hurried_page": self.hurried,
        }  # fmt: skip
        self.at = first - 1
        limit_s = self.call_limit_s / 2 if first == self.hurried else self.call_limit_s
        try:
            for header, data in self.sandbox.stream(READER, arguments, timeout_s=limit_s):
                if header.text("type") == "next":
                    return header.number("page", least=first + 1)
                yield from self._taken(header, data)
        except EmptySourceError:
            raise
        except SourceError as error:
            if self.at < first:
                raise
            if TOO_LONG in str(error) and self.at != self.hurried:
                self.hurried = self.at
                return self.at
            self.deaths += 1
            yield _lost(self.at, f"The page could not be read. {error}")
            return self.at + 1 if self.pages and self.at < self.pages else None
        return None

    def _taken(self, header: Item, data: bytes) -> Iterator[Candidate | Missed | About]:
        kind = header.text("type")
        if kind == "about":
            yield from self._about(header)
        elif kind == "attached":
            self.has_attached = True
        elif kind == "page":
            self.at = header.number("page")
            if self.at != self.hurried:
                self.told.clear()
        elif kind == "damaged":
            self.damage = header.text("reason", MAX_REASON)
        elif kind == "picture":
            yield from self._new(Candidate(_place(header), data, bool(header.get("is_rebuilt"))), "")
        else:
            reason, is_part = header.text("reason", MAX_REASON), bool(header.get("is_part"))
            yield from self._new(Missed(_place(header), header.state(), reason, is_part), reason)

    def _about(self, header: Item) -> Iterator[About]:
        if self.pages is None:  # else page 1 is read once more
            self.pages = header.number("pages")
            self.ends += SECONDS_A_PAGE * min(self.pages, MAX_PAGES_TIMED)
            yield About(title=header.text("title"), pages=self.pages)

    def _new(self, item: Candidate | Missed, reason: str) -> Iterator[Candidate | Missed]:
        """The item, unless it came when its page was read the first time."""
        if self.at == self.hurried and any(_is_same(item.place, reason, *one) for one in self.told):
            return
        self.told.append((item.place, reason))
        yield item

    def _why_stopped(self) -> str:
        return "too many pages of it cannot be read" if self.deaths > MAX_DEATHS else "the time for this file is over"


def _place(header: Item) -> Place:
    is_picture = "caption" in header
    facts = header.table("facts") if is_picture else Item()
    return Place(
        page=header.number("page") if header.get("page") is not None else None,
        box=header.numbers("box", 4) if header.get("box") is not None else None,
        caption=header.text("caption") if is_picture else "",
        nearby=header.text("nearby") if is_picture else "",
        tags={name: facts.text(name, MAX_FACT) for name in FACTS if name in facts},
    )


def _is_same(place: Place, reason: str, told: Place, told_reason: str) -> bool:
    if place.box is None or told.box is None:
        return (place.box, reason) == (told.box, told_reason)
    one, other = cast(Box, place.box), cast(Box, told.box)
    return area(overlap(one, other)) >= SAME_PLACE * max(area(one), area(other))


def _lost(page: int | None, reason: str) -> Missed:
    return Missed(Place(page=page), "failed", reason, is_part=True)
