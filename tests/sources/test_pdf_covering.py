"""What a page covers of a picture stays covered: a bar over a name is not taken off."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw, ImageFont

from medsift.contracts import Candidate, Leaf, Missed
from medsift.sandbox import Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools
from tests.sources.pdf_parts import GRAY8, encoded, image, page, scene

Read = Callable[[pymupdf.Document], list[Candidate]]
SIDES = (400, 300)
PLACED = "q 200 0 0 150 50 200 cm /I Do Q"  # half a point a pixel


@pytest.fixture
def read(pdf_sandbox: Sandbox, tmp_path: Path) -> Read:
    """The pictures of a document."""

    def reading(document: pymupdf.Document) -> list[Candidate]:
        path = tmp_path / "made.pdf"
        path.write_bytes(document.tobytes())
        found = KINDS.get("pdf")().extract(
            Leaf(str(path), "pdf", "b", path=str(path)), Tools(Settings(), pdf_sandbox, None)
        )
        return [one for one in found if isinstance(one, Candidate)]

    return reading


def named() -> np.ndarray:
    """A grey picture with a name burnt into a black band at its top."""
    picture = Image.fromarray(scene(*SIDES)).convert("L")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, SIDES[0], 25), fill=0)
    draw.text((5, 5), "JOHN DOE 1950-01-01", fill=255, font=ImageFont.load_default(14))
    return np.asarray(picture)


def stream(document: pymupdf.Document, pixels: np.ndarray, kind: str) -> int:
    size = (pixels.shape[1], pixels.shape[0])
    if kind == "jpeg":
        return image(document, size, f"{GRAY8}/Filter/DCTDecode", encoded(pixels, "JPEG", quality=95), packed=False)
    return image(document, size, GRAY8, pixels.tobytes())


def shown(found: Candidate) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(found.data)).convert("L"))


@pytest.mark.parametrize("kind", ["jpeg", "raw"])
def test_a_small_bar_over_a_name_stays_on_the_picture(read: Read, kind: str) -> None:
    document = pymupdf.open()
    picture = stream(document, named(), kind)
    page(document, f"{PLACED} 0 g 50 337 90 13 re f", f"/XObject<</I {picture} 0 R>>")
    page(document, PLACED, f"/XObject<</I {picture} 0 R>>")
    covered, whole = read(document)
    assert shown(covered)[2:24, 4:170].max() < 30
    assert shown(whole)[2:24, 4:170].max() > 200


def test_a_bar_drawn_as_an_annotation_stays_too(read: Read) -> None:
    document = pymupdf.open()
    page(document, PLACED, f"/XObject<</I {stream(document, named(), 'jpeg')} 0 R>>")
    bar = document[0].add_rect_annot(pymupdf.Rect(50, 50, 140, 63))
    bar.set_colors(stroke=(0, 0, 0), fill=(0, 0, 0))
    bar.update()
    (covered,) = read(document)
    assert shown(covered)[4:22, 8:160].max() < 30


@pytest.mark.parametrize("colour", ["0", "1"], ids=["black", "white"])
@pytest.mark.parametrize("kind", ["jpeg", "raw"])
def test_a_bar_on_a_scan_stays_though_words_are_set_over_the_page(read: Read, kind: str, colour: str) -> None:
    scan = Image.new("L", (900, 1200), 255)
    draw = ImageDraw.Draw(scan)
    for line in range(100, 1100, 40):
        draw.text(
            (80, line), "Patient: JOHN DOE, born 1950-01-01, of no fixed abode", fill=0, font=ImageFont.load_default(24)
        )
    document = pymupdf.open()
    picture = stream(document, np.asarray(scan), kind)
    bar = f"{colour} g 20 355 260 15 re f"
    words = "0 g BT /F 8 Tf 240 10 Td (Page 1 of 9) Tj ET"
    resources = f"/XObject<</I {picture} 0 R>>/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    page(document, f"q 300 0 0 400 0 0 cm /I Do Q {bar} {words}", resources)
    (covered,) = read(document)
    pixels = shown(covered)
    row = pixels[round(pixels.shape[0] * 0.0775) : round(pixels.shape[0] * 0.11), 100:600]
    assert np.ptp(row[:, ::1]) < 40


def test_a_picture_seen_before_is_not_whole_where_a_later_page_covers_half_of_it(read: Read) -> None:
    document = pymupdf.open()
    picture = stream(document, named(), "jpeg")
    for covered in ("", "1 g 50 200 100 150 re f"):
        page(document, f"{PLACED} {covered}", f"/XObject<</I {picture} 0 R>>")
    whole, half = read(document)
    assert whole.data != half.data
    assert shown(half)[10:-10, 5:180].min() > 240


def test_a_shadow_of_words_is_no_picture_and_says_why(tmp_path: Path, pdf_sandbox: Sandbox) -> None:
    document = pymupdf.open()
    blurred = np.full((120, 200), 90, np.uint8)
    mask = image(document, (200, 120), GRAY8, blurred.tobytes())
    shadow = image(document, (200, 120), f"{GRAY8}/SMask {mask} 0 R", bytes(200 * 120))
    words = "1 g 45 205 200 120 re f 0 g BT /F 12 Tf 60 280 Td (A box of words) Tj ET"
    resources = f"/XObject<</I {shadow} 0 R>>/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    page(document, f"q 200 0 0 120 50 200 cm /I Do Q {words}", resources)
    path = tmp_path / "shadow.pdf"
    path.write_bytes(document.tobytes())
    found = KINDS.get("pdf")().extract(
        Leaf(str(path), "pdf", "b", path=str(path)), Tools(Settings(), pdf_sandbox, None)
    )
    (refused,) = [one for one in found if isinstance(one, Missed)]
    assert (refused.state, "shadow" in refused.reason) == ("rejected", True)


def test_letters_and_lines_set_over_a_picture_leave_it_as_it_is(read: Read) -> None:
    document = pymupdf.open()
    data = encoded(np.asarray(Image.fromarray(scene(*SIDES)).convert("L")), "JPEG", quality=95)
    picture = image(document, SIDES, f"{GRAY8}/Filter/DCTDecode", data, packed=False)
    over = "1 g BT /F 14 Tf 60 330 Td (A) Tj ET 1 G 2 w 100 250 m 140 280 l S"
    resources = f"/XObject<</I {picture} 0 R>>/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    page(document, f"{PLACED} {over}", resources)
    (found,) = read(document)
    assert found.data == data


def test_a_photograph_behind_a_page_of_words_on_panels_is_shown_without_them(read: Read) -> None:
    document = pymupdf.open()
    blocks = np.random.default_rng(0).integers(0, 256, (80, 60, 3))
    data = encoded(np.kron(blocks, np.ones((10, 10, 1))).astype(np.uint8), "JPEG", quality=95)
    picture = image(
        document, (600, 800), "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode", data, packed=False
    )
    panel = (
        "1 g 40 200 220 120 re f 0 g BT /F 12 Tf 50 290 Td 18 TL " + "(Words on a panel, line by line) ' " * 5 + "ET"
    )
    resources = f"/XObject<</I {picture} 0 R>>/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    page(document, f"q 300 0 0 400 0 0 cm /I Do Q {panel}", resources)
    (found,) = read(document)
    assert found.data == data
