"""Pages as widespread systems write them: which of their pictures are found, in which form."""

import pytest

from medsift.contracts import Candidate, Leaf, Missed
from medsift.sources import KINDS

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

BLOG = f"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>Case of the week</title>
<meta property="og:image" content="https://SITE/uploads/hero.jpg"><link rel="icon" href="/favicon.png"></head><body>
<header><img src="/logo.svg" alt="The blog"></header>
<figure class="wp-block-image"><img class="lazy" src="{PIXEL}" data-lazy-src="/uploads/hero-1024x683.jpg"
  data-lazy-srcset="/uploads/hero-1024x683.jpg 1024w, /uploads/hero-300x200.jpg 300w, /uploads/hero.jpg 2000w"
  alt="Chest film"><noscript><img src="/uploads/hero-1024x683.jpg" alt="Chest film"
  srcset="/uploads/hero-1024x683.jpg 1024w, /uploads/hero.jpg 2000w"></noscript>
  <figcaption>Chest film on admission</figcaption></figure>
<p>Text between.</p>
<div class="gallery"><a href="/uploads/ct-1.jpg"><img src="/uploads/ct-1-150x150.jpg"></a>
<a href="/uploads/ct-2.jpg"><img src="/uploads/ct-2-150x150.jpg"></a>
<a href="/attachment/ct-3/"><img src="/uploads/ct-3-150x150.jpg"
  data-orig-file="/uploads/ct-3.jpg" data-large-file="/uploads/ct-3-1024.jpg"></a></div>
<div class="hero" style="background-image:url('/uploads/ward.jpg');height:20em"></div>
<p><img src="/uploads/caf%C3%A9 plan.png" alt="Plan"></p></body></html>"""

JOURNAL = """<html><head><base href="https://SITE/articles/77/"><meta name="citation_title" content="x">
<title>Findings in 12 patients</title></head><body><article>
<section class="figure" id="f1"><h4>Figure 1</h4><p><a class="img-link" target="figure" href="figure/f1/"><img
  class="graphic" loading="lazy" src="bin/s-0001.jpg" alt="Figure 1"></a></p><figure><a href="bin/s-0002-large.jpg"
  ><img src="bin/s-0002.gif" alt="An external file"></a><figcaption><p>Axial CT, portal phase.</p></figcaption></figure>
</section><table><tr><td><img src="bin/e-01.gif" alt="Equation"><td><img src="bin/e-02.gif" alt="Equation"></table>
<p>Supplement: <a href="bin/supplement.tif">Figure S1 (TIFF)</a>, <a href="bin/supplement.pdf">text</a></p></article>"""

WIKI = """<!DOCTYPE html><html><body><div id="mw-content-text"><p>A pneumothorax is air in the chest.</p>
<figure typeof="mw:File/Thumb"><a href="/wiki/File:Pneumo.jpg" class="mw-file-description"><img
  src="//SITE/thumb/P/Pneumo.jpg/220px-Pneumo.jpg" decoding="async" width="220"
  srcset="//SITE/thumb/P/Pneumo.jpg/330px-Pneumo.jpg 1.5x, //SITE/thumb/P/Pneumo.jpg/440px-Pneumo.jpg 2x"></a>
  <figcaption>Left-sided pneumothorax</figcaption></figure>
<table class="infobox"><tr><td><a href="/wiki/File:Lung.png"><img src="//SITE/thumb/L/Lung.png/250px-Lung.png"></a>
</td></tr></table><svg width="20"><image href="/x.png"/></svg></div></body></html>"""

NEWS = f"""<html><head><meta name="twitter:image" content="https://SITE/i/top-1200.jpg"></head><body>
<picture><source type="image/avif" srcset="/i/top-1600.avif 1600w"><source type="image/webp"
  srcset="/i/top-800.webp 800w, /i/top-1600.webp 1600w" sizes="(min-width: 40em) 50vw, 100vw">
  <img src="/i/top-400.jpg" alt="The hospital"></picture>
<img src="{PIXEL}" data-pagespeed-lazy-src="/i/scan.png?v=2" alt="A scan">
<img data-srcset="/i/crop,w_400/a.jpg 400w, /i/crop,w_900/a.jpg 900w" src="/i/spinner.gif">
<noscript><img height="1" width="1" src="/track.gif"></noscript></body></html>"""

PAGES = {
    "blog": (BLOG, ["/uploads/hero.jpg", "/uploads/ct-1.jpg", "/uploads/ct-2.jpg", "/uploads/ct-3-1024.jpg",
                    "/uploads/ward.jpg", "/uploads/caf%C3%A9%20plan.png"]),
    "journal": (JOURNAL, ["/articles/77/bin/s-0001.jpg", "/articles/77/bin/s-0002-large.jpg",
                          "/articles/77/bin/e-01.gif", "/articles/77/bin/e-02.gif", "/articles/77/bin/supplement.tif"]),
    "wiki": (WIKI, ["/thumb/P/Pneumo.jpg/440px-Pneumo.jpg", "/thumb/L/Lung.png/250px-Lung.png", "/x.png"]),
    "news": (NEWS, ["/i/top-1600.webp", "/i/scan.png?v=2", "/i/crop,w_900/a.jpg", "/track.gif", "/i/top-1200.jpg"]),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_of_the_page_is_found_once_in_its_largest_form(site, tools, name):
    html, expected = PAGES[name]
    site.pictures(*(path.partition("?")[0] for path in expected))
    site.serve("/wiki/File:Pneumo.jpg", b"<html>about the file</html>", content_type="text/html")
    site.serve("/wiki/File:Lung.png", b"<html>about the file</html>", content_type="text/html")
    url = site.page(html.replace("https://SITE", site.url("")).replace("SITE", site.host))
    items = list(KINDS.get("web")().extract(Leaf(url, "web", "1", url=url), tools))
    assert [item for item in items if isinstance(item, Missed)] == []
    found = [item for item in items if isinstance(item, Candidate)]
    # An address is kept as the page spells it; what is asked for has its spaces escaped.
    assert [item.place.url.replace(" ", "%20").removeprefix(site.url("")) for item in found] == expected


def test_captions_come_from_the_figure(site, tools):
    html, expected = PAGES["journal"]
    site.pictures(*expected)
    url = site.page(html.replace("https://SITE", site.url("")))
    items = KINDS.get("web")().extract(Leaf(url, "web", "1", url=url), tools)
    captions = [item.place.caption for item in items if isinstance(item, Candidate)]
    assert captions == ["Figure 1", "Axial CT, portal phase.", "Equation", "Equation", "Figure S1 (TIFF)"]
