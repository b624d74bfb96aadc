"""Web pages: every picture that a page shows or links to; also a picture, PDF or DICOM file at an address itself."""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from medsift.contracts import About, Candidate, Leaf, Missed, Place
from medsift.errors import SandboxError, SourceError, TemporaryError
from medsift.pictures.heads import is_picture
from medsift.sandbox import GARBAGE, Item
from medsift.sources import KINDS, Tools, register
from medsift.sources._web.content import charset, content_of, mime_type
from medsift.sources._web.page import MAX_ADDRESS
from medsift.sources._web.refresh import may_refresh
from medsift.sources.http import Fetched, shown

READER = "medsift.sources._web.page:pictures_of_page"
REFRESH_READER = "medsift.sources._web.page:refresh_of_page"
PAGE_ACCEPT = "text/html,application/xhtml+xml,application/pdf;q=0.9,image/*;q=0.8,*/*;q=0.5"
PICTURE_ACCEPT = "image/jpeg,image/png,image/webp,image/tiff,image/gif,*/*;q=0.1"
MAX_PAGE_BYTES = 10 * 2**20
READING_TIMEOUT_S = 60.0
PAGE_TIMEOUTS = 30  # all pictures of a page together may take so many times http_timeout_s
ENDINGS = {"pdf": ".pdf", "dicom": ".dcm"}


@register("web")
class WebSource:
    """Web pages and files at addresses; a picture's address is kept, with its caption and the words around it."""

    name: ClassVar[str] = "web"

    def recognises(self, source: str, head: bytes) -> bool:
        """Addresses that begin with http:// or https://."""
        return source.lower().startswith(("http://", "https://"))

    def extract(self, leaf: Leaf, tools: Tools) -> Iterator[Candidate | Missed | About]:
        """Every picture of the page in reading order; raises `SourceError` where the address gives nothing to read."""
        address = leaf.url or leaf.source
        page = tools.door.get(address, etag=leaf.etag, last_modified=leaf.last_modified, accept=PAGE_ACCEPT)
        page = _sent_on(page, tools)
        digest = hashlib.sha256(page.data).hexdigest()
        about = About(digest=digest, etag=page.etag, last_modified=page.last_modified)
        if page.is_unchanged or digest == leaf.digest:
            yield replace(about, digest=leaf.digest, is_unchanged=True)
            return
        content = content_of(page.data, page.content_type)
        if content == "picture":
            yield Candidate(Place(url=page.url), page.data, is_rebuilt=False)
            yield about
        elif content == "page":
            yield from _Page(page, tools).read(about)
        elif content == "other":
            raise SourceError(
                f"The address {shown(address)} is no page, picture, PDF or DICOM file "
                f"({mime_type(page.content_type) or 'of no stated type'})."
            )
        else:
            yield from _as_file(content, page, leaf, tools, about)


def _sent_on(page: Fetched, tools: Tools) -> Fetched:
    """What a page leads to by an instant `meta refresh`, else the page.

    Without ETag and date: the next run has to ask anew where the page leads.
    """
    while may_refresh(page.data[:MAX_PAGE_BYTES]) and content_of(page.data, page.content_type) == "page":
        arguments = {"url": page.url, "charset": charset(page.content_type)}
        payload = page.data[:MAX_PAGE_BYTES]
        answers = list(tools.sandbox.stream(REFRESH_READER, arguments, payload, timeout_s=READING_TIMEOUT_S))
        target = answers[0][0].text("target", MAX_ADDRESS) if answers else ""
        if not target or target == page.url:
            break
        answer = tools.door.get(target, accept=PAGE_ACCEPT, redirects=page.redirects + 1)
        page = replace(answer, etag="", last_modified="")
    return page


def _as_file(kind: str, page: Fetched, leaf: Leaf, tools: Tools, about: About) -> Iterator[Candidate | Missed | About]:
    """What the source kind `kind` finds in the answer, with its address for a path; of files within it the name."""
    with tempfile.TemporaryDirectory(prefix="medsift-") as folder:
        path = Path(folder) / f"answer{ENDINGS[kind]}"
        path.write_bytes(page.data)
        for item in KINDS.get(kind)().extract(replace(leaf, kind=kind, path=str(path), url=None), tools):
            if isinstance(item, About):
                about = replace(about, title=item.title, pages=item.pages)
            else:
                within = (item.place.path or "").removeprefix(str(path)).removeprefix("/")
                yield replace(item, place=replace(item.place, url=page.url, path=within or None))
    yield about


class _Page:
    """A page being read; what passes at a later try keeps the page from counting as unchanged next time."""

    def __init__(self, page: Fetched, tools: Tools) -> None:
        self.page = page
        self.tools = tools
        self.limit = tools.settings.max_images_per_url
        self.ends = time.monotonic() + tools.settings.http_timeout_s * PAGE_TIMEOUTS
        self.is_worth_another_try = False

    def read(self, about: About) -> Iterator[Candidate | Missed | About]:
        """Every picture, then what was left out, then `about` with the page's title."""
        headers = self._parsed()
        if not headers:
            raise SandboxError(GARBAGE)
        title, found = headers[0][0].text("title"), headers[0][0].number("found")
        for header, data in headers[1:]:
            yield self._inline(header, data) if header.get("is_inline") else self._fetched(header)
        if found > self.limit:
            yield self._left_out(f"Only {self.limit} of {found} pictures were taken (max_images_per_url).")
        if len(self.page.data) > MAX_PAGE_BYTES:
            yield self._left_out(f"Only the first {MAX_PAGE_BYTES // 2**20} MB of the page were read.")
        about = replace(about, title=title)
        yield replace(about, etag="", last_modified="", digest="") if self.is_worth_another_try else about

    def _parsed(self) -> list[tuple[Item, bytes]]:
        arguments = {"url": self.page.url, "charset": charset(self.page.content_type), "limit": self.limit}
        payload = self.page.data[:MAX_PAGE_BYTES]
        # Whole at once: the child is free again before the first picture is fetched.
        return list(self.tools.sandbox.stream(READER, arguments, payload, timeout_s=READING_TIMEOUT_S))

    def _inline(self, header: Item, data: bytes) -> Candidate | Missed:
        place = Place(url=self.page.url, caption=header.text("caption"), nearby=header.text("nearby"))
        if is_picture(data):
            return Candidate(place, data, is_rebuilt=False)
        return Missed(place, "rejected", "What stands in the page itself is no picture of a format that is read.")

    def _fetched(self, header: Item) -> Candidate | Missed:
        """The first address that gives a picture; else the reason why the best one does not."""
        place = Place(caption=header.text("caption"), nearby=header.text("nearby"))
        missed: list[Missed] = []
        is_passing = False
        for address in header.texts("addresses"):
            here = replace(place, url=address)
            try:
                answer = self._get(address)
            except SourceError as error:
                missed.append(Missed(here, "failed", str(error)))
                is_passing = is_passing or isinstance(error, TemporaryError)
                continue
            if is_picture(answer.data):
                return Candidate(here, answer.data, is_rebuilt=False)
            stated = mime_type(answer.content_type) or "of no stated type"
            missed.append(Missed(here, "rejected", f"{shown(address)} is no picture of a format read here ({stated})."))
        self.is_worth_another_try = self.is_worth_another_try or is_passing
        return missed[0] if missed else Missed(place, "failed", GARBAGE)

    def _get(self, address: str) -> Fetched:
        if time.monotonic() > self.ends:
            raise TemporaryError("The pictures of this page took too long; this one was not fetched.")
        return self.tools.door.get(address, accept=PICTURE_ACCEPT)

    def _left_out(self, reason: str) -> Missed:
        return Missed(Place(url=self.page.url), "rejected", reason, is_part=True)
