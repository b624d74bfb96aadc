"""Finds the pictures of an HTML page. Runs in the sandbox child only: what it parses, anyone may have written.

lxml rather than Python's html.parser: six times faster on a page of 5 MB, and it ends open paragraphs and list
items as browsers do. The child is the border around its C code.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement

from medsift.contracts import PICTURE_ENDINGS
from medsift.sources._web.inline import decoded_data_uri
from medsift.sources._web.linked_data import pictures_of_linked_data
from medsift.sources._web.refresh import target_of
from medsift.sources._web.srcset import largest
from medsift.sources._web.text import decoded_page

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
PICTURE_TAGS = ("img", "amp-img", "amp-anim")
PREVIEWS = {"og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src", "image"}
# AVIF is not among them: what the page offers beside it is less compressed.
READABLE_TYPES = {"", "image/jpeg", "image/jpg", "image/png", "image/webp", "image/tiff", "image/gif"}
ENDINGS = tuple(f".{ending}" for ending in PICTURE_ENDINGS)
PICTURE_FILE = re.compile(rf"(?!data:)[^\s{{}}<>]+\.(?:{'|'.join(PICTURE_ENDINGS)})(?:[?#]\S*)?", re.IGNORECASE)
CSS_URL = re.compile(r"url\(\s*(?:\"([^\"]*)\"|'([^']*)'|([^)'\"]*?))\s*\)", re.IGNORECASE)
NO_FILES = ("javascript:", "cid:", "about:")  # what stands where a picture will be, or in mails
MAX_ADDRESS = 8192  # longer ones no server takes
MAX_ADDRESSES = 3  # the largest, and what to fall back to
Reference = tuple[list[str], Tag | None]
CAPTION_CHARACTERS = 1000
NEARBY_CHARACTERS = 500
NEARBY_STEPS = 200
MAX_CLIMB = 20


def pictures_of_page(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Title and number of pictures of the page `payload`, then the first `limit` pictures in reading order.

    Arguments: `url`, `charset` (as the server said, or empty), `limit`. A picture has `addresses` (best first),
    `caption` and `nearby`; one that stands in the page itself (`is_inline`) comes with its bytes.
    """
    soup = BeautifulSoup(decoded_page(payload, arguments["charset"]), "lxml")
    base = _base(soup, arguments["url"])
    drawings = soup.find_all(["svg", "image"])
    inside_drawings = [address for tag in drawings if tag.name == "image" for address in _links(tag)]
    for drawing in drawings:
        if drawing.name == "svg":
            drawing.decompose()
    others = ((_joined(base, [address]), None) for address in (*inside_drawings, *_previews(soup)))
    found = _distinct(chain(_references(soup, base), others))
    yield {"title": _text(soup.title, CAPTION_CHARACTERS), "found": len(found)}, b""
    for addresses, tag in found[: arguments["limit"]]:
        words = {"caption": _caption(tag) if tag else "", "nearby": _nearby(tag) if tag else ""}
        is_inline = addresses[0].startswith("data:")
        data = decoded_data_uri(addresses[0]) if is_inline else b""
        yield {"addresses": [] if is_inline else addresses, "is_inline": is_inline, **words}, data


def refresh_of_page(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Where the page `payload` sends its visitor without a pause (`target`), or empty. Arguments: `url`, `charset`."""
    soup = BeautifulSoup(decoded_page(payload, arguments["charset"]), "lxml")
    metas = (tag for tag in soup.find_all("meta") if _value(tag, "http-equiv").strip().lower() == "refresh")
    target = next((found for tag in metas if (found := target_of(_value(tag, "content")))), "")
    yield {"target": _absolute(_base(soup, arguments["url"]), target)}, b""


def _distinct(references: Iterator[Reference]) -> list[Reference]:
    seen: set[str] = set()
    found = []
    for addresses, tag in references:
        if addresses and addresses[0] not in seen:
            found.append((addresses, tag))
        seen.update(addresses)
    return found


def _references(soup: BeautifulSoup, base: str) -> Iterator[Reference]:
    """Addresses (best first) and tag of every picture that the page shows; those of forms and films come last."""
    last: list[Reference] = []
    for tag in soup.find_all(True):
        if tag.name in PICTURE_TAGS:
            yield _joined(base, _wrapping_link(tag, base) + _addresses_of_img(tag)), tag
        elif tag.name == "a" and tag.find("img") is None and _leads_to_picture(base, _value(tag, "href")):
            yield _joined(base, [_value(tag, "href")]), tag
        elif tag.name == "video":
            last.append((_joined(base, [_value(tag, "poster")]), tag))
        elif tag.name == "input" and _value(tag, "type").lower() == "image":
            last.append((_joined(base, [_value(tag, "src")]), tag))
        for address in _backgrounds(tag):
            yield _joined(base, [address]), tag
    yield from last


def _previews(soup: BeautifulSoup) -> Iterator[str]:
    """Addresses of pictures that the page names for other sites."""
    for tag in soup.find_all(["meta", "link", "script"]):
        if tag.name == "meta":
            if (_value(tag, "property") or _value(tag, "name") or _value(tag, "itemprop")).lower() in PREVIEWS:
                yield _value(tag, "content")
        elif tag.name == "link":
            if "image_src" in _value(tag, "rel").lower().split():
                yield _value(tag, "href")
        elif _value(tag, "type").strip().lower() == "application/ld+json":
            yield from pictures_of_linked_data(tag.string or "")


def _links(image: Tag) -> Iterator[str]:
    yield from filter(None, (_value(image, name) for name in ("href", "xlink:href")))


def _backgrounds(tag: Tag) -> Iterator[str]:
    """Addresses of backgrounds: in its style, or where scripts and pages of old have them."""
    style = _value(tag, "style")
    for text in (style if "background" in style else "", *(_value(tag, name) for name in BACKGROUNDS)):
        if PICTURE_FILE.fullmatch(text.strip()):
            yield text
        for parts in CSS_URL.findall(text):
            yield re.sub(r"\\(.)", r"\1", "".join(parts))


def _addresses_of_img(img: Tag) -> list[str]:
    """The largest form that the page offers, then what `src` says unless that is a placeholder for a lazy one."""
    sets = [_value(img, name) for name in ("srcset", *LAZY_SETS)]
    picture = _ancestor(img, "picture")
    for source in picture.find_all("source") if picture else []:
        if _value(source, "type").lower() in READABLE_TYPES:
            sets += [_value(source, name) for name in ("srcset", *LAZY_SETS)]
    lazy = [value for name in LAZY_ATTRIBUTES if _is_like_address(value := _value(img, name))]
    large = [value for name in LARGE_ATTRIBUTES if _is_like_address(value := _value(img, name))]
    best = largest(sets)
    if not lazy and not best and PLACEHOLDER.fullmatch(_value(img, "src").strip()):
        # Every script for lazy pictures names its attribute otherwise.
        others = [name for name in img.attrs if name not in ("alt", "src")]
        lazy = [value for name in others if PICTURE_FILE.fullmatch(value := _value(img, name))]
    is_lazy = bool(lazy or any(_value(img, name) for name in LAZY_SETS))
    plain = [] if is_lazy and PLACEHOLDER.fullmatch(_value(img, "src").strip()) else [_value(img, "src")]
    return [*large[:1], *([best] if best else []), *lazy[:1], *plain]


def _wrapping_link(img: Tag, base: str) -> list[str]:
    link = _ancestor(img, "a")
    target = _value(link, "href") if link else ""
    return [target] if _leads_to_picture(base, target) else []


def _leads_to_picture(base: str, target: str) -> bool:
    return any(_path_of(address).endswith(ENDINGS) for address in _joined(base, [target]))


def _path_of(address: str) -> str:
    """Its path in lower case; empty where it is no address."""
    try:
        return urlsplit(address).path.lower()
    except ValueError:
        return ""


def _is_like_address(value: str) -> bool:
    return ("/" in value or "." in value) and not re.search(r"[{}<>]", value)


def _joined(base: str, targets: list[str]) -> list[str]:
    """Absolute addresses without fragment, each once, at most `MAX_ADDRESSES`; drawings (SVG) left out."""
    addresses: list[str] = []
    for target in targets:
        address = _absolute(base, target)
        if address and address not in addresses:
            addresses.append(address)
    return addresses[:MAX_ADDRESSES]


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
    address = _absolute(url, _value(tag, "href")) if isinstance(tag, Tag) else ""
    return address if address.lower().startswith(("http://", "https://")) else url


def _ancestor(element: PageElement, name: str) -> Tag | None:
    """The nearest ancestor of that name, not far up: a page that ends nothing is as deep as it is long."""
    return next((tag for tag in islice(element.parents, MAX_CLIMB) if tag.name == name), None)


def _value(tag: Tag, name: str) -> str:
    value = tag.get(name, "")
    return value if isinstance(value, str) else " ".join(value or [])


def _caption(tag: Tag) -> str:
    """The figure's caption, else what stands in place of the picture, else the words of a link."""
    figure = _ancestor(tag, "figure")
    caption = _text(figure.find("figcaption"), CAPTION_CHARACTERS) if figure else ""
    spoken = (_value(tag, name) for name in ("alt", "aria-label", "title"))
    words = caption or next((words for words in spoken if words.strip()), "")
    if not words and tag.name == "a":
        return _text(tag, CAPTION_CHARACTERS)
    return " ".join(words.split())[:CAPTION_CHARACTERS]


def _nearby(tag: Tag) -> str:
    """Up to 500 characters of the words that stand before and after the picture."""
    half = NEARBY_CHARACTERS // 2
    before = " ".join(reversed(_words(tag.previous_elements, half)))[-half:]
    after = " ".join(_words(tag.next_elements, half))[: NEARBY_CHARACTERS - len(before) - 1]
    return f"{before} {after}".strip()


def _words(elements: Iterator[PageElement], enough: int) -> list[str]:
    found: list[str] = []
    for element in islice(elements, NEARBY_STEPS):
        # Only plain text is of exactly this class: comments, scripts and styles are its subclasses.
        if type(element) is NavigableString and element.strip() and _ancestor(element, "title") is None:
            found.append(" ".join(element.split()))
        if sum(map(len, found)) >= enough:
            break
    return found


def _text(tag: PageElement | None, characters: int) -> str:
    return " ".join(tag.get_text(" ").split())[:characters] if tag else ""
