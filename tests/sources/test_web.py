"""Every picture of a web page is found in its largest form, with its words; what cannot be had is said."""

import base64
import hashlib
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from medsift.contracts import About, Candidate, Leaf, Missed
from medsift.errors import SourceError, TemporaryError
from medsift.sources import KINDS, Tools
from medsift.sources._web.refresh import may_refresh
from medsift.sources.http import Door


def leaf_of(url, **version):
    return Leaf(source=url, kind="web", batch="1", url=url, **version)


@pytest.fixture
def extract(tools):
    """Everything a web source yields, as (candidates, missed, about)."""

    def run(url, tools=tools, **version):
        items = list(KINDS.get("web")().extract(leaf_of(url, **version), tools))
        about = [item for item in items if isinstance(item, About)]
        assert len(about) <= 1
        return (
            [item for item in items if isinstance(item, Candidate)],
            [item for item in items if isinstance(item, Missed)],
            about[0] if about else None,
        )

    return run


@pytest.fixture
def pictures_of(site, extract):
    """Paths of the pictures found on a page of this HTML, all of `present` being there to be fetched."""

    def run(html, *present, path="/page/index.html"):
        site.pictures(*present)
        found, _, _ = extract(site.page(html, path))
        return [candidate.place.url.removeprefix(site.url("")) for candidate in found]

    return run


@pytest.fixture
def changed(tools):
    """Tools with other settings."""

    def make(**values):
        settings = tools.settings.model_copy(update=values)
        return Tools(settings, tools.sandbox, Door(settings))

    return make


def test_addresses_are_recognised():
    web = KINDS.get("web")()
    assert web.recognises("https://example.org/a.pdf", b"")
    assert web.recognises("HTTP://EXAMPLE.ORG", b"")
    assert not web.recognises("/folder/http.pdf", b"")
    assert not web.recognises("file:///a.html", b"")


def test_a_page_gives_pictures_in_reading_order_and_its_title(site, extract):
    site.pictures("/img/a.png", "/img/b.png")
    html = "<title> Chest\n films </title><p>First <img src='/img/a.png'> then <img src='../img/b.png'></p>"
    found, missed, about = extract(site.page(html, "/case/one.html"))
    assert [candidate.place.url for candidate in found] == [site.url("/img/a.png"), site.url("/img/b.png")]
    assert [candidate.data for candidate in found] == [site.picture("/img/a.png"), site.picture("/img/b.png")]
    assert not any(candidate.is_rebuilt for candidate in found)
    assert missed == []
    assert about.title == "Chest films"
    assert about.digest == hashlib.sha256(html.encode()).hexdigest()


@pytest.mark.parametrize(
    ("html", "present", "expected"),
    [
        ('<img src="a.png" srcset="b.png 400w, c.png 1600w, d.png 800w">', "abcd", "c"),
        ('<img src="a.png" srcset="b.png, c.png 3x, d.png 2x">', "abcd", "c"),
        ('<img src="a.png" srcset="b.png 400w, c.png 1600w">', "ab", "a"),
        ('<img srcset="b.png 1.5x,c.png 1x">', "bc", "b"),
        ('<img src="a.png" data-src="b.png">', "ab", "b"),
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-lazy-src="b.png">', "b", "b"),
        ('<img class="lazyload" data-srcset="b.png 100w, c.png 900w" src="a.png">', "abc", "c"),
        ('<img src="a.png" data-original="b.png">', "ab", "b"),
        ('<img src="a.png" data-src="{{later}}">', "a", "a"),
        ('<img src="a.png" data-large_image="b.png" srcset="c.png 600w">', "abc", "b"),
        ('<picture><source srcset="b.png 1200w" type="image/webp"><img src="a.png"></picture>', "ab", "b"),
        ('<picture><source srcset="b.png" type="image/avif"><img src="a.png"></picture>', "ab", "a"),
        ('<picture><source media="(min-width: 9em)" srcset="b.png"><source srcset="c.png"><img src=a.png></picture>',
         "abc", "b"),
        ('<a href="b.png"><img src="a.png"></a>', "ab", "b"),
        ('<a href="b.png"><img src="a.png"></a>', "a", "a"),
        ('<a href="b.html"><img src="a.png"></a>', "a", "a"),
        ('<a href="b.png">the film</a>', "b", "b"),
        ('<a href="b.PNG?download=1"><span>the film</span></a>', "b", ""),
        ('<noscript><img src="a.png"></noscript>', "a", "a"),
        ('<img class="lazy" data-src="a.png"><noscript><img src="a.png"></noscript>', "a", "a"),
        ('<img src="a.png"><img src="./a.png#again"><img src="/page/a.png">', "a", "a"),
        ('<div style="color: red; background-image: url( &quot;a.png&quot; )"></div>', "a", "a"),
        ("<div style=\"background: #fff url('a.png') no-repeat, url(b.png)\"></div>", "ab", "ab"),
        ('<svg><image href="a.png"/></svg><img src="b.png"><img src="logo.svg">', "ab", "ba"),
        ('<svg><g><image xlink:href="a.png"/></g></svg><img src="a.png">', "a", "a"),
        ('<video poster="a.png"><source src="film.mp4"></video><img src="b.png">', "ab", "ba"),
        ('<form><input type="IMAGE" src="a.png"><input type="text" src="c.png"></form><img src="b.png">', "abc", "ba"),
        ('<link rel="image_src" href="a.png"><body><img src="b.png">', "ab", "ba"),
        ('<script type="application/ld+json">[{"image":["a.png",{"url":"c.png"}]}]</script><img src="b.png">',
         "abc", "bac"),
        ('<script type="application/ld+json">{"image": {"contentUrl": "a.png"}, "x":</script><img src="b.png">',
         "ab", "b"),
        ('<script type="application/ld+json">' + "[" * 100000 + '</script><img src="b.png">', "b", "b"),
        ('<img src="b.png"><link rel="image_src" href="b.png"><video poster="b.png"></video>', "b", "b"),
        ('<img src="a.png" data-src="b.png">', "a", "a"),
        ('<img src="a.png" data-srcset="b.png 2x">', "a", "a"),
        ('<img src="javascript:void(0)"><img src="cid:part1"><img src="about:blank"><img src=" "><img src="#top">',
         "", ""),
        ('<meta property="og:image" content="/page/a.png"><body><img src="b.png">', "ab", "ba"),
        ('<meta name="twitter:image" content="a.png"><body><img src="a.png">', "a", "a"),
        ('<base href="/page/"><base href="/no/"><img src="a.png">', "a", "a"),
        ('<base href="javascript:x"><img src="a.png">', "a", "a"),
        ('<img src=" \n a.png\t">', "a", "a"),
        ('<img src=""><img><img src="#"><a href="">x</a>', "", ""),
        ('<img src="..\\page\\a.png">', "a", "a"),
        ('<a href="http://[host]/b.png">x</a><a href="//[x"><img src="a.png"></a>', "a", "a"),
        ('<img src="c.png" data-lazyload="a.png"><img src="c.png" data-cfsrc="b.png">', "abc", "ab"),
        ('<img src="/i/blank.gif" data-anything="a.png"><img src="ajax-loader.gif" data-x="b.png">', "ab", "ab"),
        ('<img src="a.png" data-thumb="b.png">', "ab", "a"),
        ('<img src="about:blank" data-anything="a.png">', "a", "a"),
        ('<amp-img src="a.png" srcset="b.png 2x"><noscript><img src="a.png"></noscript></amp-img>', "ab", "b"),
        ('<div data-bg="a.png"></div><div data-background-image="url(\'b.png\')"></div>', "ab", "ab"),
        ('<table background="a.png"><tr><td background="#fff" data-bg="dark">', "a", "a"),
        ('<meta itemprop="image" content="a.png"><body>', "a", "a"),
        ("<table><tr><td><img src=a.png><li><img src=b.png></table></p><p><img src=c.png>", "abc", "abc"),
        ("<div>" * 3000 + "<img src=a.png>" + "</div>" * 3000 + "<img src=b.png>", "ab", "ab"),
    ],
)  # fmt: skip
def test_the_pictures_of_a_page_are_found(pictures_of, html, present, expected):
    found = pictures_of(html, *(f"/page/{name}.png" for name in present))
    assert found == [f"/page/{name}.png" for name in expected]


def test_a_picture_is_fetched_once_however_often_it_is_shown(site, pictures_of):
    html = '<a href="big.png"><img src="s.png"></a><img src="s.png"><a href="big.png">larger</a><img src="big.png">'
    assert pictures_of(html, "/page/big.png", "/page/s.png") == ["/page/big.png"]
    assert site.paths == ["/page/index.html", "/page/big.png"]


def test_the_placeholder_of_a_lazy_picture_never_stands_for_it(site, extract):
    site.pictures("/blank.png")
    found, missed, _ = extract(site.page('<img src="/blank.png" data-src="/film.png">'))
    assert found == []
    assert [(entry.place.url, entry.state) for entry in missed] == [(site.url("/film.png"), "failed")]
    assert "404" in missed[0].reason


@pytest.mark.parametrize(
    "html",
    ['<img src="JavaScript:x">', '<img src="cid:1@x">', '<img src="about:blank">', '<img src="">', "<img src=#a>"],
)
def test_what_is_no_address_of_a_picture_is_passed_over(site, extract, html):
    found, missed, _ = extract(site.page(html))
    assert (found, missed, site.paths) == ([], [], ["/"])


def refreshing(target, pause="0"):
    return f'<html><meta http-equiv="Refresh" content="{pause}; URL={target}"><img src="/old.png"></html>'


@pytest.mark.parametrize("form", ["0;url=/next", "0; URL='/next'", "0,/next", ".0 ; url = next", "00 /next"])
def test_a_page_that_sends_its_visitor_on_at_once_is_followed(site, extract, form):
    site.page(f'<html><head><meta http-equiv=refresh content="{form}"></head><img src="/old.png">')
    site.page('<title>Next</title><img src="a.png">', "/next")
    site.pictures("/a.png", "/old.png")
    found, missed, about = extract(site.url())
    assert [candidate.place.url for candidate in found] == [site.url("/a.png")]
    assert (missed, about.title, about.etag) == ([], "Next", "")


@pytest.mark.parametrize(
    "html", [refreshing("/next", "5"), refreshing("javascript:x"), refreshing("/"), refreshing("")]
)
def test_a_page_that_stays_or_waits_is_read(site, extract, html):
    site.pictures("/old.png")
    assert len(extract(site.page(html))[0]) == 1
    assert site.paths == ["/", "/old.png"]


def test_pages_that_send_on_count_among_the_redirects(site, extract):
    for number in range(9):
        site.page(refreshing(f"/{number + 1}"), f"/{number}")
    site.serve("/", status=302, Location="/0")
    with pytest.raises(SourceError, match="more than 5 redirects"):
        extract(site.url("/"))
    assert site.paths == ["/", "/0", "/1", "/2", "/3", "/4"]


def test_a_page_does_not_send_on_to_a_private_server(site, private_site, extract):
    for target in (private_site.url("/"), "http://169.254.169.254/", "file:///etc/passwd"):
        with pytest.raises(SourceError):
            extract(site.page(refreshing(target)))


def test_a_page_behind_one_that_sends_on_is_unchanged_only_where_it_is_itself(site, extract):
    site.serve("/", refreshing("/next").encode(), content_type="text/html", ETag='"1"')
    site.page("<html>one", "/next")
    digest = extract(site.url())[2].digest
    assert extract(site.url(), digest=digest)[2].is_unchanged
    site.page("<html>two", "/next")
    assert not extract(site.url(), digest=digest)[2].is_unchanged


def test_caption_and_nearby_words_come_with_the_picture(site, extract):
    site.pictures("/a.png", "/b.png")
    html = """<head><title>Not nearby</title><style>p {}</style></head><body><p>A man of 54 with cough.</p>
      <figure><img src="a.png" alt="film"><figcaption>Fig. 1: <b>Chest</b> film.</figcaption></figure>
      <script>x()</script><!-- hidden --><p>Two days later.</p><img src="b.png" alt=" a  CT
      slice ">"""
    found, _, _ = extract(site.page(html))
    assert [candidate.place.caption for candidate in found] == ["Fig. 1: Chest film.", "a CT slice"]
    assert found[0].place.nearby == "A man of 54 with cough. Fig. 1: Chest film. Two days later."


def test_nearby_words_are_at_most_500_characters_from_both_sides(site, extract):
    site.pictures("/a.png")
    html = "<p>" + "before " * 200 + "<b>here</b><img src=a.png>there" + " after" * 200
    nearby = extract(site.page(html))[0][0].place.nearby
    assert "here there" in nearby
    assert 450 < len(nearby) <= 500


@pytest.mark.parametrize("text", ["Röntgen, 胸部", "Größe"])
@pytest.mark.parametrize(
    ("encoding", "server", "head"),
    [
        ("utf-8", "text/html; charset=utf-8", ""),
        ("utf-8", "text/html", '<meta charset="utf-8">'),
        ("utf-8", "text/html", ""),
        ("utf-8-sig", "text/html; charset=iso-8859-1", ""),
        ("utf-16", "text/html", ""),
        ("gb18030", "text/html", '<meta http-equiv="Content-Type" content="text/html; charset=gb18030">'),
        ("utf-8", 'text/html; charset="UTF-8"', '<meta charset="iso-8859-1">'),
        ("utf-8", "text/html; charset=nonsense", '<meta charset="utf-8">'),
        ("utf-8", "text/html; charset=hex", '<meta charset="utf-8">'),
    ],
)
def test_words_are_read_in_the_encoding_of_the_page(site, extract, text, encoding, server, head):
    html = f"<html><head>{head}<title>{text}</title>".encode(encoding)
    assert extract(site.page(html, content_type=server))[2].title == text


@pytest.mark.parametrize("server", ["text/html", "text/html; charset=iso-8859-1", "text/html; charset=windows-1252"])
def test_an_old_page_in_windows_1252_is_read(site, extract, server):
    html = "<html><title>Größe „€“</title>".encode("cp1252")
    assert extract(site.page(html, content_type=server))[2].title == "Größe „€“"


def test_pictures_that_stand_in_the_page_itself_are_taken(site, extract):
    data = site.picture("inline", "JPEG")
    html = (
        f'<img src="data:image/jpeg;base64,{base64.b64encode(data).decode()}" alt="inline">'
        '<img src="data:image/svg+xml;utf8,<svg/>"><img src="data:image/png;base64,!!!">'
    )
    url = site.page(html)
    found, missed, _ = extract(url)
    assert [(candidate.data, candidate.place.url, candidate.place.caption) for candidate in found] == [
        (data, url, "inline")
    ]
    assert [entry.state for entry in missed] == ["rejected"]
    assert site.paths == ["/"]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000", "AVIF"])
def test_the_format_is_seen_in_the_bytes_not_in_the_name(site, extract, file_format):
    data = site.picture("x", file_format)
    site.serve("/picture.php", data, content_type="text/html")
    found, _, _ = extract(site.page('<img src="/picture.php">'))
    assert [candidate.data for candidate in found] == [data]


def test_what_is_no_picture_is_rejected_with_its_type(site, extract):
    site.serve("/a.png", b"<html>Please log in</html>", content_type="text/html")
    _, missed, _ = extract(site.page('<img src="/a.png" alt="film">'))
    assert (missed[0].state, missed[0].place.url, missed[0].place.caption) == ("rejected", site.url("/a.png"), "film")
    assert "text/html" in missed[0].reason
    assert not missed[0].is_part


def test_pictures_that_cannot_be_had_are_told_one_by_one(site, private_site, extract):
    site.pictures("/good.png")
    html = f"""<img src="/gone.png"><img src="{private_site.url("/a.png")}"><img src="http://169.254.169.254/a.png">
      <img src="file:///etc/passwd"><img src="http://[/a.png"><img src="blob:1"><img src="/good.png">"""
    found, missed, _ = extract(site.page(html))
    assert [candidate.place.url for candidate in found] == [site.url("/good.png")]
    reasons = [entry.reason for entry in missed]
    for reason, part in zip(reasons, ["404", "not public", "not public", "only http", "malformed", "only http"],
                            strict=True):  # fmt: skip
        assert part in reason
    assert all(entry.state == "failed" and entry.place.url for entry in missed)


def test_no_more_pictures_are_taken_than_the_setting_says_and_the_page_is_partial(site, extract, changed):
    names = [f"/{number}.png" for number in range(5)]
    site.pictures(*names)
    html = "".join(f"<img src={name}>" for name in names)
    found, missed, _ = extract(site.page(html), changed(max_images_per_url=3))
    assert [candidate.place.url for candidate in found] == [site.url(name) for name in names[:3]]
    assert [(entry.is_part, entry.reason) for entry in missed] == [
        (True, "Only 3 of 5 pictures were taken (max_images_per_url).")
    ]
    assert len(site.paths) == 4


def test_a_page_of_ten_thousand_pictures_costs_seconds_and_no_more_requests_than_are_allowed(site, extract):
    names = [f"/{number}.png" for number in range(10_000)]
    site.pictures(*names[:50])
    url = site.page("".join(f'<img src="{name}" alt="number {name}">' for name in names))
    start = time.monotonic()
    found, missed, _ = extract(url)
    assert time.monotonic() - start < 60
    assert [candidate.place.url for candidate in found] == [site.url(name) for name in names[:50]]
    assert [item.reason for item in missed] == ["Only 50 of 10000 pictures were taken (max_images_per_url)."]
    assert len(site.paths) == 51


def test_a_page_larger_than_is_read_is_partial(site, extract, changed):
    site.pictures("/a.png", "/b.png")
    html = "<img src=a.png>" + "<p>" + "words " * 1_800_000 + "</p>" + "<img src=b.png>"
    found, missed, _ = extract(site.page(html), changed(http_max_mb=20, http_timeout_s=20.0))
    assert [candidate.place.url for candidate in found] == [site.url("/a.png")]
    assert [entry.is_part for entry in missed] == [True]


def test_a_page_that_is_unchanged_says_only_so(site, extract):
    site.routes["/"] = lambda handler: handler.send_response(304) or handler.end_headers()
    found, missed, about = extract(site.url(), etag='"1"', digest="abc")
    assert (found, missed) == ([], [])
    assert about == About(is_unchanged=True, etag='"1"', digest="abc")


def test_a_page_with_the_same_bytes_is_unchanged_although_the_server_does_not_say_so(site, extract):
    site.pictures("/a.png")
    url = site.page("<img src=a.png>")
    digest = extract(url)[2].digest
    found, missed, about = extract(url, digest=digest)
    assert (found, missed) == ([], [])
    assert about.is_unchanged


def test_a_page_is_asked_with_the_version_seen_last(site, extract):
    site.serve("/", b"<html></html>", content_type="text/html", ETag='"2"', Last_Modified="then")
    about = extract(site.url(), etag='"1"', last_modified="before")[2]
    assert (about.etag, about.last_modified, about.is_unchanged) == ('"2"', "then", False)
    assert site.requests[0][1]["If-None-Match"] == '"1"'


def test_a_page_whose_picture_was_missed_for_now_does_not_count_as_unchanged_next_time(site, extract):
    site.serve("/", b"<html><img src=a.png></html>", content_type="text/html", ETag='"2"')
    site.serve("/a.png", status=500)
    _, missed, about = extract(site.url())
    assert "500" in missed[0].reason
    assert (about.etag, about.last_modified, about.digest) == ("", "", "")


@pytest.mark.parametrize(("status", "error"), [(404, SourceError), (410, SourceError), (503, TemporaryError)])
def test_a_page_that_is_not_there_is_an_error_of_the_source(site, extract, status, error):
    with pytest.raises(error, match=str(status)):
        extract(site.serve("/", status=status))


@pytest.mark.parametrize(
    ("data", "content_type"),
    [(b"PK\x03\x04", "application/zip"), (b"words", "text/plain"), (b"", ""), (b"{}", "application/json"),
     (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")],
)  # fmt: skip
def test_what_is_neither_page_nor_file_that_is_read_is_named(site, extract, data, content_type):
    with pytest.raises(SourceError, match=re.escape(content_type or "of no stated type")):
        extract(site.serve("/", data, content_type=content_type))


def test_a_page_without_pictures_gives_none(site, extract):
    found, missed, about = extract(site.page("<html><title>Words only</title><p>words"))
    assert (found, missed, about.title) == ([], [], "Words only")


def test_a_picture_at_the_address_itself_is_taken(site, extract):
    site.pictures("/film")
    found, _, about = extract(site.url("/film"))
    assert [(candidate.data, candidate.place.url) for candidate in found] == [
        (site.picture("/film"), site.url("/film"))
    ]
    assert about.digest == hashlib.sha256(site.picture("/film")).hexdigest()


def test_a_pdf_at_an_address_is_read_as_a_pdf_with_its_pages(site, extract):
    import pymupdf

    document = pymupdf.open()
    page = document.new_page()
    page.insert_image(pymupdf.Rect(50, 60, 350, 300), stream=site.picture("in a PDF", "JPEG"))
    site.serve("/paper", document.tobytes(), content_type="application/octet-stream", ETag='"p"')
    found, missed, about = extract(site.url("/paper"))
    place = found[0].place
    assert (len(found), missed, place.page, place.url, place.path) == (1, [], 1, site.url("/paper"), None)
    assert place.box == pytest.approx((50, 60, 350, 300), abs=1)
    assert (about.pages, about.etag) == (1, '"p"')


def test_a_file_attached_to_a_pdf_at_an_address_has_its_name_behind_the_address(site, extract):
    import pymupdf

    document = pymupdf.open()
    document.new_page()
    document.embfile_add("a", site.picture("attached"), filename="film.png")
    site.serve("/paper", document.tobytes(), content_type="application/pdf")
    (found,), missed, _ = extract(site.url("/paper"))
    assert (found.data, found.place.url, found.place.path) == (site.picture("attached"), site.url("/paper"), "film.png")
    assert missed == []


def test_a_dicom_file_at_an_address_is_read_as_dicom(site, extract):
    from pydicom.data import get_testdata_file

    data = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    found, missed, about = extract(site.serve("/slice", data, content_type="application/octet-stream"))
    assert [(candidate.place.url, "CT" in candidate.place.tags.values()) for candidate in found] == [
        (site.url("/slice"), True)
    ]
    assert missed == []
    assert about.digest == hashlib.sha256(data).hexdigest()


def test_the_file_that_a_pdf_is_read_from_is_gone_afterwards(site, extract, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    site.serve("/broken", b"%PDF-1.7 broken", content_type="application/pdf")
    with pytest.raises(SourceError):
        extract(site.url("/broken"))
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_leads_inside_is_not_read(private_site, extract):
    with pytest.raises(SourceError, match="not public"):
        extract(private_site.url())


def test_a_page_that_takes_too_long_to_read_is_an_error_of_the_source(site, tools, monkeypatch):
    monkeypatch.setattr("medsift.sources.web.READING_TIMEOUT_S", 0.001)
    url = site.page("<p>" * 100_000)
    with pytest.raises(SourceError, match="longer than the time allowed"):
        list(KINDS.get("web")().extract(leaf_of(url), replace(tools)))


def test_a_page_of_blanks_is_looked_through_once():
    assert not may_refresh(b"<html>http-equiv=" + b" " * 3_000_000 + b"x")
    assert may_refresh(b"<META HTTP-EQUIV = ' refresh'>")
