"""Whatever a page holds, the web source ends in rows or in an error of medsift."""

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medsift.contracts import About, Candidate, Leaf, Missed
from medsift.errors import MedsiftError
from medsift.sources import KINDS
from medsift.sources._web.inline import decoded_data_uri
from medsift.sources._web.page import pictures_of_page
from medsift.sources._web.srcset import largest
from medsift.sources._web.text import decoded_page

TAGS = ["img", "a", "picture", "source", "figure", "figcaption", "noscript", "svg", "base", "meta", "div", "table",
        "template", "script", "style", "title", "p"]  # fmt: skip
NAMES = ["src", "srcset", "data-src", "data-srcset", "href", "style", "content", "property", "alt", "type", "class"]
VALUES = st.one_of(
    st.sampled_from(
        ["a.png", "/b.jpg 2x, c.jpg 1x", "data:image/png;base64,AAAA", "data:,", "http://[", "//[::1", "og:image", "?",
         "%", "background:url(a.png)", "background:url(", "http://127.0.0.1:1/x.png", "ht\ttp://a/b.gif",
         "http://a:b@c/d.tif",
         "\ud800", "\x00", "javascript:1", "a" * 9000]
    ),
    st.text(max_size=30),
)  # fmt: skip
ELEMENTS = st.builds(
    lambda tag, attributes, is_closed, text: (
        f"<{tag} " + " ".join(f'{name}="{value}"' for name, value in attributes) + f">{text}" + f"</{tag}>" * is_closed
    ),
    st.sampled_from(TAGS),
    st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    st.booleans(),
    st.text(max_size=10),
)
PAGES = st.one_of(
    st.lists(ELEMENTS, max_size=12).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")),
    st.binary(max_size=300),
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(PAGES)
def test_extract_raises_only_errors_of_medsift(site, tools, page):
    url = site.page(page)
    with contextlib.suppress(MedsiftError):
        items = list(KINDS.get("web")().extract(Leaf(url, "web", "1", url=url), tools))
        assert all(isinstance(item, Candidate | Missed | About) for item in items)
        assert len([item for item in items if isinstance(item, About)]) == 1


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=400)
@given(PAGES, st.sampled_from(["", "utf-8", "hex", "utf-16", "idna", "punycode", "\udcff"]))
def test_no_page_breaks_the_reader_itself(page, charset):
    arguments = {"url": "http://example.org/a/b.html", "charset": charset, "limit": 50}
    header, *pictures = pictures_of_page(arguments, page)
    assert header[0]["found"] >= len(pictures)
    for entry, _ in pictures:
        assert len(entry["nearby"]) <= 500
        assert entry["is_inline"] or entry["addresses"]


@given(st.lists(st.text("ab.,()12wx \t", max_size=40), max_size=3))
def test_any_srcset_gives_an_address_without_white_space_or_none(sets):
    assert not set(largest(sets)) & set(" \t")


@given(st.text(max_size=60), st.sampled_from([";base64", "", ";BASE64 "]))
def test_any_inline_address_gives_bytes(body, marker):
    assert isinstance(decoded_data_uri(f"data:image/png{marker},{body}"), bytes)


@given(st.binary(max_size=200), st.text(max_size=12))
def test_any_bytes_give_text(data, charset):
    assert isinstance(decoded_page(data, charset), str)
