"""Every way in which a page shows a picture is found, and nothing that no browser shows."""

import time

import pytest

from medsift.sources._web.page import pictures_of_page
from medsift.sources._web.srcset import largest
from medsift.sources._web.style import pictures_of_style


def addresses_of(html: str) -> list[str]:
    """The pictures of a page, by the names of their best files."""
    arguments = {"url": "http://example.org/", "charset": "utf-8", "limit": 50}
    _, *pictures = pictures_of_page(arguments, html.encode())
    return [header["addresses"][0].removeprefix("http://example.org/") for header, _ in pictures]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a href=big.jpg><img src=a.jpg></a>", ["big.jpg"]),
        ("<a href=big.jpg><img src=a.jpg><img src=b.jpg></a>", ["big.jpg", "a.jpg", "b.jpg"]),
        ("<a href=big.jpg><amp-img src=a.jpg></amp-img></a>", ["big.jpg"]),
        ("<a href=page.html><img src=a.jpg><img src=b.jpg></a>", ["a.jpg", "b.jpg"]),
        ("<a href=big.jpg><img src=a.jpg></a><a href=big.jpg><img src=b.jpg></a>", ["big.jpg", "b.jpg"]),
        ("<a href=big.jpg><img data-src=a.jpg><noscript><img src=a.jpg></noscript></a>", ["big.jpg"]),
        ('<img src=a.jpg srcset="b.jpg 2x"><img src=c.jpg srcset="b.jpg 2x">', ["b.jpg"]),
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-srcset="a.jpg 300w, b.jpg 900w">'
         '<noscript><img src=a.jpg srcset="a.jpg 300w, b.jpg 900w"></noscript>', ["b.jpg"]),
        ('<a href=big.jpg><img src=a.jpg></a><a href=big.jpg><img src=b.jpg srcset="b.jpg 1x, c.jpg 2x"></a>',
         ["big.jpg", "c.jpg"]),
        ('<a href=big.jpg><img src=d.jpg data-src=c.jpg data-large-file=a.jpg srcset="b.jpg 2x"></a><img src=d.jpg>',
         ["big.jpg"]),
    ],
)  # fmt: skip
def test_a_link_stands_for_the_one_picture_it_wraps_and_hides_no_other(html, expected):
    assert addresses_of(html) == expected


def test_the_sizes_of_each_picture_are_read_once(monkeypatch):
    asked = []
    monkeypatch.setattr("medsift.sources._web.page.largest", lambda sets: asked.append(sets) or largest(sets))
    assert addresses_of('<img src=a.png srcset="b.png 2x"><img src=c.png>') == ["b.png", "c.png"]
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<object data="a" type="image/png"></object>', ["a"]),
        ('<object data="a.png"></object>', ["a.png"]),
        ('<object data="a.pdf" type="application/pdf"></object><object data="film.swf"></object><object></object>', []),
        ('<object data="a" type="image/svg+xml"><img src="b.png"></object>', ["b.png"]),
        ('<embed src="a" type="image/jpeg"><embed src="b.JPG"><embed src="film.mp4"><embed>', ["a", "b.JPG"]),
        ('<image src="a.png"><p>words</p><img src="b.png">', ["a.png", "b.png"]),
        ('<a href="big.png"><image src="a.png"></a>', ["big.png"]),
        ('<svg><image src="a.png"/></svg>', []),
        ('<video poster="a.png"></video>', ["a.png"]),
        ("<iframe srcdoc=\"<base href='/in/'><img src='a.png'>\"></iframe><img src=b.png>", ["in/a.png", "b.png"]),
        ("<base href='/in/'><iframe srcdoc='<svg><image href=a.png></svg><img src=b.png>'></iframe>",
         ["in/b.png", "in/a.png"]),
        ("<iframe srcdoc='<iframe srcdoc=&quot;<img src=a.png>&quot;></iframe>'></iframe>", ["a.png"]),
        ("<iframe src='frame.html'></iframe><iframe srcdoc></iframe>", []),
        ("<template><img src=a.png><template><img src=b.png></template></template><img src=c.png>", ["c.png"]),
        ("<div><template shadowrootmode=open><img src=a.png></template></div>", ["a.png"]),
    ],
)  # fmt: skip
def test_what_browsers_show_is_found(html, expected):
    assert addresses_of(html) == expected


def test_frames_are_looked_into_only_so_deep():
    html = "<img src=a.png>"
    for _ in range(4):
        html = '<iframe srcdoc="' + html.replace("&", "&amp;").replace('"', "&quot;") + '"></iframe>'
    assert addresses_of(html) == []


def test_what_style_elements_show_comes_behind_the_pictures_of_the_page():
    sheet = "<style>body{background:url(a.png)}</style><style type='text/x-template'>b{background:url(c.png)}</style>"
    assert addresses_of(f"<head>{sheet}</head><img src=b.png>") == ["b.png", "a.png"]


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("background: url(a.png)", [["a.png"]]),
        ("BACKGROUND-IMAGE:URL( 'a.png' ), url(\"b.png\")", [["a.png"], ["b.png"]]),
        ("list-style-image:url(a.png); list-style: url(b.png) inside", [["a.png"], ["b.png"]]),
        ("border-image:url(a.png) 30; -webkit-border-image: url(b.png)", [["a.png"], ["b.png"]]),
        ("border-image-source:url(a.png)", [["a.png"]]),
        ("p::before{content:url(a.png)} p{color:red}", [["a.png"]]),
        ("--hero: url(a.png)", [["a.png"]]),
        (r"background:url(par\(1\).jpg)", [["par(1).jpg"]]),
        (r"background:url(par\28 1\000029.jpg)", [["par(1).jpg"]]),
        (r"background:url('it\'s.jpg')", [["it's.jpg"]]),
        (r"background:url(\0\d800\ffffff)", [["\ufffd\ufffd\ufffd"]]),
        ("background:url(data:image/png;base64,AA==);content:url(b.png)", [["data:image/png;base64,AA=="], ["b.png"]]),
        ("background:url(a.png", [["a.png"]]),
        ("background:image-set('a.png' 1x, url(b.png) 2x)", [["b.png", "a.png"]]),
        ("background:-webkit-image-set(url(a.png) 96dpi, url(b.png) 192dpi)", [["b.png", "a.png"]]),
        ("background:image-set('a.avif' 3x type('image/avif'), 'b.png' type('image/png'))", [["b.png"]]),
        ("@import url(a.css); @namespace x url(http://www.w3.org/x); a{background:url(b.png)}", [["b.png"]]),
        ("@font-face{src:url(a.woff)} a{cursor:url(b.cur);filter:url(#c);mask:url(d.svg)}", []),
        ("/* background:url(a.png) */ a:hover{/* x: */ background:url(b.png)} /* unclosed: url(c.png)", [["b.png"]]),
        (r".bg-\[url\(\'x.png\'\)\]{background:url(a.png)} a[style*='url(b.png)']{color:red}", [["a.png"]]),
        ("@media (min-width:9em){a{background:url(a.png)}}", [["a.png"]]),
        ("background:none", []),
    ],
)  # fmt: skip
def test_what_a_style_shows_is_found(style, expected):
    assert list(pictures_of_style(style)) == expected


@pytest.mark.parametrize(
    "part",
    [" ", "\\", "(", "/*", "url(", "url( ", 'url("', "url('a' ", "image-set(", "image-set((", "image-set(()", "--a:",
     '"', "{", "-a", "1", "image-set()", "type(", "a.png? "],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "background:url(", "background:image-set(", "background:image-set(type("])
def test_a_style_of_a_million_of_anything_is_looked_through_once(before, part):
    start = time.process_time()
    list(pictures_of_style(before + part * (10**6 // len(part))))
    assert time.process_time() - start < 10


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("part", [" ", "\\", "a.png?", "{", "<meta ", "<meta charset ", "<?xml encoding='"])
def test_a_page_of_a_million_of_anything_is_looked_through_once(part):
    many = part * (10**6 // len(part))
    start = time.process_time()
    assert addresses_of(f"{many}<p>") == []
    addresses_of(f'<img src="/blank.gif" data-x="{many} x" style="{many}" data-bg="{many} x"><object data="{many}">')
    assert time.process_time() - start < 20
