"""Finds the pictures of an HTML page. Runs in the sandbox child only: what it parses, anyone may have written.

lxml rather than Python's html.parser: six times faster on a page of 5 MB, and it ends open paragraphs and list
items as browsers do. The child is the border around its C code.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, dropwhile
from typing import Any, NamedTuple
from urllib.parse import urldefrag, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

from medsift.contracts import PICTURE_ENDINGS
from medsift.sources._web.content import mime_type
from medsift.sources._web.inline import decoded_data_uri
from medsift.sources._web.linked_data import pictures_of_linked_data
from medsift.sources._web.refresh import target_of
from medsift.sources._web.srcset import largest
from medsift.sources._web.style import pictures_of_style
from medsift.sources._web.tags import ancestor, value_of
from medsift.sources._web.text import decoded_page
from medsift.sources._web.words import MAX_CAPTION, caption_of, nearby, text_of

LARGE_ATTRIBUTES = (
    "data-large_image", "data-large-file", "data-orig-file", "data-full-src", "data-full-url", "data-zoom-image",
    "data-hi-res-src",
)  # fmt: skip
LAZY_SETS = ("data-srcset", "data-lazy-srcset")
LAZY_ATTRIBUTES = (
    "data-src", "data-original", "data-lazy-src", "data-lazy", "data-original-src", "data-image", "data-lazyload",
    "data-echo", "data-ll-src", "data-cfsrc", "data-ezsrc", "data-opt-src", "data-actualsrc", "data-flickity-lazyload",
)  # fmt: skip
PLACEHOLDER = re.compile(
    r"|data:.*|about:.*|(?:.*/)?[\w-]*(?:blank|spacer|placeholder|transparent|pixel|load(?:ing|er)|spinner|lazy|gr[ae]y|"
    r"clear|empty|1x1)[-_]?\d*\.(?:gif|png|svg|jpe?g|webp)(?:[?#].*)?",
    re.IGNORECASE | re.DOTALL,
)
BACKGROUNDS = ("background", "data-bg", "data-background", "data-background-image")
PICTURE_TAGS = ["img", "amp-img", "amp-anim"]
EMBEDDING = {"object": "data", "embed": "src"}
MAX_FRAMES_DEEP = 3  # frames that stand in the page itself, one in another
PREVIEWS = {"og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src", "image"}
# AVIF is not among them: what the page offers beside it is less compressed.
READABLE_TYPES = {"", "image/jpeg", "image/jpg", "image/png", "image/webp", "image/tiff", "image/gif"}
ENDINGS = tuple(f".{ending}" for ending in PICTURE_ENDINGS)
PICTURE_ENDING = re.compile(rf"\.(?:{'|'.join(PICTURE_ENDINGS)})(?=[?#]|\Z)", re.IGNORECASE)
NO_FILES = ("javascript:", "cid:", "about:")  # what stands where a picture will be, or in mails
MAX_ADDRESS = 8192  # longer ones no server takes
MAX_ADDRESSES = 3  # the largest, and what to fall back to


class Reference(NamedTuple):
    """A picture that a page names: its addresses, best first; of those the largest that its own `srcset` offers."""

    addresses: list[str]
    tag: Tag | None = None
    largest_form: str = ""


def pictures_of_page(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Title and number of pictures of the page `payload`, then the first `limit` pictures in reading order.

    Arguments: `url`, `charset` (as the server said, or empty), `limit`. A picture has `addresses` (best first),
    `caption` and `nearby`; one that stands in the page itself (`is_inline`) comes with its bytes.
    """
    soup = BeautifulSoup(decoded_page(payload, arguments["charset"]), "lxml")
    inside_drawings = _taken_out(soup)
    base = _base(soup, arguments["url"])
    others = (Reference(_joined(base, [address])) for address in chain(inside_drawings, _previews(soup)))
    found = _distinct(chain(_references(soup, base), others))
    yield {"title": text_of(soup.title, MAX_CAPTION), "found": len(found)}, b""
    for addresses, tag, _ in found[: arguments["limit"]]:
        words = {"caption": caption_of(tag) if tag else "", "nearby": nearby(tag) if tag else ""}
        is_inline = addresses[0].startswith("data:")
        data = decoded_data_uri(addresses[0]) if is_inline else b""
        yield {"addresses": [] if is_inline else addresses, "is_inline": is_inline, **words}, data


def refresh_of_page(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Where the page `payload` sends its visitor without a pause (`target`), or empty. Arguments: `url`, `charset`."""
    soup = BeautifulSoup(decoded_page(payload, arguments["charset"]), "lxml")
    metas = (tag for tag in soup.find_all("meta") if value_of(tag, "http-equiv").strip().lower() == "refresh")
    target = next((found for tag in metas if (found := target_of(value_of(tag, "content")))), "")
    yield {"target": _absolute(_base(soup, arguments["url"]), target)}, b""


def _taken_out(soup: BeautifulSoup) -> list[str]:
    """Addresses of pictures inside drawings (SVG), which are taken out of the page, as templates are."""
    for template in soup.find_all("template"):
        if not template.decomposed and value_of(template, "shadowrootmode").lower() not in ("open", "closed"):
            template.decompose()  # no browser shows it
    inside_drawings = [address for tag in soup.find_all("image") for address in _links(tag)]
    for drawing in soup.find_all("svg"):
        drawing.decompose()
    for image in soup.find_all("image"):
        image.name = "img"  # as browsers do
    return inside_drawings


def _distinct(references: Iterator[Reference]) -> list[Reference]:
    """Every picture once: of what was seen before only the address is dropped, so that what comes next stands for it.

    Several small pictures may lead to one large one and yet be different; forms in one `srcset` are the same picture.
    """
    seen: set[str] = set()
    found = []
    for reference in references:
        left = list(dropwhile(seen.__contains__, reference.addresses))
        if left and reference.largest_form not in seen:
            found.append(reference._replace(addresses=left[:MAX_ADDRESSES]))
        seen.update(reference.addresses)
    return found


def _references(soup: BeautifulSoup, base: str, depth: int = 0) -> Iterator[Reference]:
    """Addresses (best first) and tag of every picture that the page shows; those of forms, films and sheets last."""
    last: list[Reference] = []
    enlarging = _links_of_one_picture(soup)
    for tag in soup.find_all(True):
        if tag.name in PICTURE_TAGS:
            link = ancestor(tag, "a")
            larger = _linked(link, base) if id(link) in enlarging else []
            best = largest(_sets_of_img(tag))
            yield Reference(_joined(base, larger + _addresses_of_img(tag, best)), tag, _absolute(base, best))
        elif tag.name == "a" and id(tag) not in enlarging:
            yield Reference(_joined(base, _linked(tag, base)), tag)
        elif tag.name in EMBEDDING:
            yield Reference(_joined(base, _embedded(tag, base)), tag)
        elif tag.name == "iframe" and depth < MAX_FRAMES_DEEP and tag.has_attr("srcdoc"):
            yield from _of_frame(value_of(tag, "srcdoc"), base, depth + 1)
        elif tag.name == "video":
            last.append(Reference(_joined(base, [value_of(tag, "poster")]), tag))
        elif tag.name == "input" and value_of(tag, "type").lower() == "image":
            last.append(Reference(_joined(base, [value_of(tag, "src")]), tag))
        elif tag.name == "style":
            last += (Reference(_joined(base, addresses)) for addresses in _of_sheet(tag))
        for addresses in _backgrounds(tag):
            yield Reference(_joined(base, addresses), tag)
    yield from last


def _of_frame(page: str, base: str, depth: int) -> Iterator[Reference]:
    soup = BeautifulSoup(page, "lxml")
    inside_drawings = _taken_out(soup)
    base = _base(soup, base)
    yield from _references(soup, base, depth)
    yield from (Reference(_joined(base, [address])) for address in inside_drawings)


def _embedded(tag: Tag, base: str) -> list[str]:
    """The address of an object that is a picture: as its type says, else its address."""
    address, stated = value_of(tag, EMBEDDING[tag.name]), mime_type(value_of(tag, "type"))
    is_picture = stated.startswith("image/") if stated else _leads_to_picture(base, address)
    return [address] if is_picture and stated != "image/svg+xml" else []


def _of_sheet(style: Tag) -> Iterator[list[str]]:
    if mime_type(value_of(style, "type")) in ("", "text/css"):
        yield from pictures_of_style(style.get_text())


def _previews(soup: BeautifulSoup) -> Iterator[str]:
    """Addresses of pictures that the page names for other sites."""
    for tag in soup.find_all(["meta", "link", "script"]):
        if tag.name == "meta":
            if (value_of(tag, "property") or value_of(tag, "name") or value_of(tag, "itemprop")).lower() in PREVIEWS:
                yield value_of(tag, "content")
        elif tag.name == "link":
            if "image_src" in value_of(tag, "rel").lower().split():
                yield value_of(tag, "href")
        elif value_of(tag, "type").strip().lower() == "application/ld+json":
            yield from pictures_of_linked_data(tag.string or "")


def _links(image: Tag) -> Iterator[str]:
    yield from filter(None, (value_of(image, name) for name in ("href", "xlink:href")))


def _backgrounds(tag: Tag) -> Iterator[list[str]]:
    """Addresses of pictures in its style, or of backgrounds where scripts and pages of old have them."""
    yield from pictures_of_style(value_of(tag, "style"))
    for name in BACKGROUNDS:
        text = value_of(tag, name).strip()
        if _is_picture_file(text):
            yield [text]
        elif text:
            yield from pictures_of_style(f"background:{text}")


def _sets_of_img(img: Tag) -> list[str]:
    sets = [value_of(img, name) for name in ("srcset", *LAZY_SETS)]
    picture = ancestor(img, "picture")
    for source in picture.find_all("source") if picture else []:
        if value_of(source, "type").lower() in READABLE_TYPES:
            sets += [value_of(source, name) for name in ("srcset", *LAZY_SETS)]
    return sets


def _addresses_of_img(img: Tag, best: str) -> list[str]:
    """The largest form that the page offers, then what `src` says unless that is a placeholder for a lazy one.

    `best` is the largest of its sets, empty where it has none.
    """
    lazy = [value for name in LAZY_ATTRIBUTES if _is_like_address(value := value_of(img, name))]
    large = [value for name in LARGE_ATTRIBUTES if _is_like_address(value := value_of(img, name))]
    if not lazy and not best and PLACEHOLDER.fullmatch(value_of(img, "src").strip()):
        # Every script for lazy pictures names its attribute otherwise.
        others = [name for name in img.attrs if name not in ("alt", "src")]
        lazy = [value for name in others if _is_picture_file(value := value_of(img, name))]
    is_lazy = bool(lazy or any(value_of(img, name) for name in LAZY_SETS))
    plain = [] if is_lazy and PLACEHOLDER.fullmatch(value_of(img, "src").strip()) else [value_of(img, "src")]
    return [*large[:1], *([best] if best else []), *lazy[:1], *plain]


def _links_of_one_picture(soup: BeautifulSoup) -> set[int]:
    """The links, by identity, that wrap a single picture; what `noscript` repeats is no other one."""
    numbers: Counter[int] = Counter()
    for img in soup.find_all(PICTURE_TAGS):
        link = ancestor(img, "a")
        if link is not None:
            numbers[id(link)] += ancestor(img, "noscript") is None
    return {link for link, number in numbers.items() if number <= 1}


def _linked(link: Tag | None, base: str) -> list[str]:
    target = value_of(link, "href") if link else ""
    return [target] if _leads_to_picture(base, target) else []


def _leads_to_picture(base: str, target: str) -> bool:
    return any(_path_of(address).endswith(ENDINGS) for address in _joined(base, [target]))


def _path_of(address: str) -> str:
    """Its path in lower case; empty where it is no address."""
    try:
        return urlsplit(address).path.lower()
    except ValueError:
        return ""


def _is_picture_file(value: str) -> bool:
    """Whether a value as a whole is the address of a picture, by its ending."""
    ending = PICTURE_ENDING.search(value)
    if ending is None or value[:5].lower() == "data:" or re.search(r"\s", value):
        return False
    return ending.start() > 0 and not re.search(r"[{}<>]", value[: ending.start()])


def _is_like_address(value: str) -> bool:
    return ("/" in value or "." in value) and not re.search(r"[{}<>]", value)


def _joined(base: str, targets: list[str]) -> list[str]:
    """Absolute addresses without fragment, each once; drawings (SVG) left out."""
    return list(dict.fromkeys(filter(None, (_absolute(base, target) for target in targets))))


def _absolute(base: str, target: str) -> str:
    target = re.sub(r"[\t\r\n]", "", target.strip())
    if not target or target.startswith("#") or target.lower().startswith(NO_FILES):
        return ""
    if target[:5].lower() == "data:":
        return "" if target[5:20].lower().startswith("image/svg") else "data:" + target[5:]
    target = re.sub(r"^[^?#]*", lambda found: found[0].replace("\\", "/"), target)  # as browsers do
    try:
        address = urldefrag(urljoin(base, target)).url
    except ValueError:
        return target[:MAX_ADDRESS]  # the door says what is wrong with it
    return "" if _path_of(address).endswith((".svg", ".svgz")) or len(address) > MAX_ADDRESS else address


def _base(soup: BeautifulSoup, url: str) -> str:
    tag = soup.find("base", href=True)
    address = _absolute(url, value_of(tag, "href")) if isinstance(tag, Tag) else ""
    return address if address.lower().startswith(("http://", "https://")) else url
