"""PDF files that lost bytes: what is gone is told, and what is whole is not doubted."""

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from medsift.contracts import About, Candidate, Leaf, Missed
from medsift.errors import SourceError
from medsift.sandbox import Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools
from tests.sources.pdf_parts import RGB8, grid, image, page, scene

Found = list[Candidate | Missed | About]
Read = Callable[[bytes], Found]


@pytest.fixture
def read(pdf_sandbox: Sandbox, tmp_path: Path) -> Read:
    """Everything the source yields for a file's bytes."""

    def reading(data: bytes) -> Found:
        path = tmp_path / "made.pdf"
        path.write_bytes(data)
        return list(
            KINDS.get("pdf")().extract(Leaf("made", "pdf", "b", path=str(path)), Tools(Settings(), pdf_sandbox, None))
        )

    return reading


def pictures(found: Found) -> list[Candidate]:
    return [one for one in found if isinstance(one, Candidate)]


def missed(found: Found) -> list[Missed]:
    return [one for one in found if isinstance(one, Missed)]


def jpeg(seed: int) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (30, 40, 3)).astype(np.uint8)
    Image.fromarray(noise).resize((400, 300)).save(out, "JPEG", quality=90)
    return out.getvalue()


def two_pages() -> "pymupdf.Document":
    """Two pages, on each a JPEG and a line of text."""
    document = pymupdf.open()
    for number in range(2):
        page = document.new_page()
        page.insert_image((50, 50, 350, 275), stream=jpeg(number))
        page.insert_text((50, 40), f"Page {number + 1}")
    return document


def with_pages_first() -> tuple[bytes, bytes, bytes]:
    """A file of two pages as a writer may lay it out: head with pages and contents, then the two pictures."""
    document = two_pages()
    data = document.tobytes()
    objects = {int(part.split()[0]): part + b"endobj\n" for part in _objects(data)}
    images = [number for number, part in objects.items() if b"/Subtype/Image" in part]
    head = b"%PDF-1.7\n" + b"".join(part for number, part in objects.items() if number not in images)
    return head, objects[images[0]], objects[images[1]]


def _objects(data: bytes) -> list[bytes]:
    body = data[data.index(b"1 0 obj") : data.rindex(b"\nxref")]
    return [part.lstrip() for part in body.split(b"endobj") if b" obj" in part]


def test_a_page_whose_content_is_gone_is_told_and_the_pages_before_it_are_read(read: Read) -> None:
    whole = two_pages().tobytes()
    found = read(whole[: len(whole) * 7 // 10])
    (lost,) = missed(found)
    assert [one.place.page for one in pictures(found)] == [1]
    assert lost.is_part
    assert lost.state == "failed"
    assert lost.place.page == 2
    assert "content" in lost.reason


def test_a_pdf_cut_short_without_one_readable_page_or_whole_picture_is_failed(read: Read) -> None:
    whole = two_pages().tobytes()
    for share in (30, 40):
        with pytest.raises(SourceError, match="The PDF is damaged: "):
            read(whole[: len(whole) * share // 100])


def test_a_whole_picture_of_a_pdf_without_readable_pages_is_taken(read: Read) -> None:
    whole = two_pages().tobytes()
    found = read(whole[: len(whole) // 2])
    (one,) = pictures(found)
    pixels = np.asarray(Image.open(io.BytesIO(one.data)), np.int16)
    assert np.abs(pixels - np.asarray(Image.open(io.BytesIO(jpeg(0))), np.int16)).mean() < 3
    assert [lost.is_part for lost in missed(found)] == [True, True, True]


def test_a_page_whose_content_breaks_off_is_told(read: Read) -> None:
    document = two_pages()
    for line in range(60):
        document[1].insert_text((50, 300 + 8 * line), f"{line * line * 7919 % 10007} {line * 31 % 97}")
    document[1].clean_contents()
    whole = document.tobytes(deflate=True)
    start = whole.rindex(b"stream\n", 0, whole.rindex(b"endstream"))
    found = read(whole[: start + 300])
    assert [(one.place.page, one.is_part) for one in missed(found)] == [(2, True)]
    assert "breaks off" in missed(found)[0].reason
    assert 1 in [one.place.page for one in pictures(found)]


def test_a_jpeg_that_breaks_off_with_its_file_is_failed_and_its_neighbour_stays(read: Read) -> None:
    head, first, second = with_pages_first()
    found = read(head + first + second[: len(second) // 2])
    (lost,) = missed(found)
    assert [one.place.page for one in pictures(found)] == [1]
    assert (lost.place.page, lost.state, lost.is_part) == (2, "failed", False)
    assert "breaks off" in lost.reason


def test_a_file_that_lost_only_its_end_is_read_without_a_remark(read: Read) -> None:
    whole = two_pages().tobytes()
    found = read(whole[: whole.rindex(b"\nxref") + 1])
    assert [one.place.page for one in pictures(found)] == [1, 2]
    assert missed(found) == []
    head, first, second = with_pages_first()
    assert len(pictures(read(head + first + second))) == 2


def test_an_empty_page_is_no_damage(read: Read) -> None:
    document = two_pages()
    document.new_page()
    whole = document.tobytes()
    assert missed(read(whole)) == []
    assert missed(read(whole[: whole.rindex(b"\nxref") + 1])) == []


UNREADABLE = {
    "jpx": "/Filter/JPXDecode",
    "depth": "/ColorSpace/DeviceRGB/BitsPerComponent 32",
    "no such depth": "/ColorSpace/DeviceRGB/BitsPerComponent 3",
    "colour space": "/ColorSpace[/Indexed/DeviceRGB 3 null]/BitsPerComponent 8",
    "soft mask": f"{RGB8}/SMask<</Width 5>>",
}


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_picture_that_cannot_be_decoded_is_a_row_and_its_neighbour_stays(
    read: Read, what: str, is_first: bool
) -> None:
    document = pymupdf.open()
    broken = image(document, (96, 64), UNREADABLE[what], b"\x00\x00\x00\x0cjP  garbage" * 1200, packed=False)
    good = image(document, (96, 64), RGB8, scene().tobytes())
    drawn = ["q 100 0 0 100 20 20 cm /B Do Q", "q 192 0 0 128 50 172 cm /I Do Q"]
    page(document, " ".join(drawn if is_first else drawn[::-1]), f"/XObject<</B {broken} 0 R/I {good} 0 R>>")
    found = read(document.tobytes())
    (picture,) = [one for one in found if isinstance(one, Candidate)]
    assert (np.asarray(Image.open(io.BytesIO(picture.data))) == scene()).all()
    (lost,) = [one for one in found if isinstance(one, Missed)]
    assert (lost.state, lost.place.page, lost.is_part) == ("failed", 1, False)
    assert lost.reason.startswith("It cannot be decoded")


def two_pictures(extra: str, size: tuple[int, int], first: bytes) -> bytes:
    """A sound file of two pages, on each a picture of that dictionary and these stored bytes, and a good one."""
    document = pymupdf.open()
    one = image(document, size, extra, first, packed=False)
    good = image(document, (96, 64), RGB8, scene().tobytes())
    drawn = "q 96 0 0 64 20 20 cm /B Do Q q 192 0 0 128 50 172 cm /I Do Q"
    for _ in range(2):
        page(document, drawn, f"/XObject<</B {one} 0 R/I {good} 0 R>>")
    return document.tobytes()


RAW = scene(400, 300).tobytes()
BROKEN_OFF = {
    "half a JPEG": (f"{RGB8}/Filter/DCTDecode", jpeg(1)[: len(jpeg(1)) // 2]),
    "no JPEG at all": (f"{RGB8}/Filter/DCTDecode", b"no JPEG" * 99),
    "half of raw data": (RGB8, RAW[: len(RAW) // 2]),
    "half of packed data": (f"{RGB8}/Filter/FlateDecode", zlib.compress(RAW)[: len(zlib.compress(RAW)) // 2]),
    "packed half": (f"{RGB8}/Filter/FlateDecode", zlib.compress(RAW[: len(RAW) // 2])),
    "no fax": ("/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/JBIG2Decode", b"no fax" * 99),
    "nothing that is packed": (f"{RGB8}/Filter/FlateDecode", b"not packed" * 99),
}


@pytest.mark.parametrize("what", BROKEN_OFF)
def test_a_picture_whose_data_breaks_off_is_failed_in_a_sound_file_too(read: Read, what: str) -> None:
    extra, data = BROKEN_OFF[what]
    found = read(two_pictures(extra, (400, 300), data))
    assert [one.place.page for one in pictures(found)] == [1, 2]
    assert all((np.asarray(Image.open(io.BytesIO(one.data))) == scene()).all() for one in pictures(found))
    assert [(lost.place.page, lost.state, lost.is_part) for lost in missed(found)] == [
        (1, "failed", False),
        (2, "failed", False),
    ]
    assert all("breaks off" in lost.reason for lost in missed(found))
    assert missed(found)[0].place.box == pytest.approx((20, 316, 116, 380), abs=0.1)


NEARLY_WHOLE = {
    "a JPEG without its end marker": (f"{RGB8}/Filter/DCTDecode", jpeg(1)[:-2]),
    "raw data that lack their last rows": (RGB8, RAW[: len(RAW) * 99 // 100]),
    "packed data without their checksum": (f"{RGB8}/Filter/FlateDecode", zlib.compress(RAW)[:-4]),
    "more data than it takes": (RGB8, RAW + b"more"),
}


@pytest.mark.parametrize("what", NEARLY_WHOLE)
def test_a_picture_that_lacks_next_to_nothing_is_kept(read: Read, what: str) -> None:
    extra, data = NEARLY_WHOLE[what]
    found = read(two_pictures(extra, (400, 300), data))
    assert len(pictures(found)) == 4
    assert missed(found) == []


NOT_SHOWN = {"too large": ((30000, 30000), RGB8), "undecodable": ((96, 64), UNREADABLE["no such depth"])}


def with_strips(document: pymupdf.Document, size: tuple[int, int], extra: str, content: str) -> bytes:
    """The page of a document with one more picture /B of that dictionary, whose bytes are no picture."""
    broken = image(document, size, extra, b"\x00\x00\x00\x0cjP  garbage" * 1200, packed=False)
    document.xref_set_key(document[0].xref, "Resources/XObject/B", f"{broken} 0 R")
    xref = document[0].get_contents()[0]
    document.update_stream(xref, content.encode() + document.xref_stream(xref))
    return document.tobytes()


@pytest.mark.parametrize("why", NOT_SHOWN)
def test_strips_on_the_page_of_a_picture_that_cannot_be_shown_are_joined(read: Read, why: str) -> None:
    array = scene(200, 160)
    strips = [(array[y : y + 16], (50.0, 100 + y / 2, 150.0, 100 + y / 2 + 8)) for y in range(0, 160, 16)]
    found = read(with_strips(grid(strips), *NOT_SHOWN[why], "q 100 0 0 100 180 20 cm /B Do Q "))
    (one,), (lost,) = pictures(found), missed(found)
    assert one.place.box == pytest.approx((50, 100, 150, 180), abs=0.1)
    assert (np.asarray(Image.open(io.BytesIO(one.data))) == array).all()
    assert lost.place.box == pytest.approx((180, 280, 280, 380), abs=0.1)


def test_a_strip_that_cannot_be_decoded_costs_none_of_the_others(read: Read) -> None:
    array = scene(200, 48)
    strips = [(array[y : y + 16], (50.0, 100 + y / 2, 150.0, 100 + y / 2 + 8)) for y in (0, 32)]
    found = read(with_strips(grid(strips), (200, 16), UNREADABLE["no such depth"], "q 100 0 0 8 50 284 cm /B Do Q "))
    boxes = [one.place.box for one in pictures(found)]
    assert [round(box[1]) for box in boxes if box] == [100, 116]
    (lost,) = missed(found)
    assert lost.place.box == pytest.approx((50, 108, 150, 116), abs=0.1)
    assert lost.reason.startswith("It cannot be decoded")
