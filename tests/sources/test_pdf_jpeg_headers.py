"""JPEG pictures whose dictionary is wrong about them come out as their own header says."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from medsift.contracts import Candidate, Leaf, Missed
from medsift.sandbox import Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools
from tests.sources.pdf_cases import cmyk_jpeg
from tests.sources.pdf_parts import BOX, DRAWN, GRAY8, RGB8, difference, encoded, image, page, scene, with_image

CMYK8 = "/ColorSpace/DeviceCMYK/BitsPerComponent 8"
DCT = "/Filter/DCTDecode"
ARRAY = scene()
GRAY = ARRAY[..., 1]
COLOURS = encoded(ARRAY, "JPEG", quality=95, subsampling=0)
GREYS = encoded(GRAY, "JPEG", quality=95)
INKS = cmyk_jpeg(np.asarray(Image.fromarray(ARRAY).convert("CMYK")))
Read = Callable[[pymupdf.Document], list[Candidate]]
WRONG: dict[str, tuple[tuple[int, int], str, bytes]] = {
    "grey said to be RGB": ((96, 64), RGB8, GREYS),
    "grey said to be CMYK": ((96, 64), CMYK8, GREYS),
    "grey said to be nothing": ((96, 64), "/BitsPerComponent 8", GREYS),
    "grey said to be of a colour space that is none": ((96, 64), "/ColorSpace/Nothing/BitsPerComponent 8", GREYS),
    "grey under a Decode array for RGB": ((96, 64), f"{RGB8}/Decode[0 1 0 1 0 1]", GREYS),
    "RGB said to be grey": ((96, 64), GRAY8, COLOURS),
    "RGB said to be CMYK": ((96, 64), CMYK8, COLOURS),
    "RGB said to be nothing": ((96, 64), "/BitsPerComponent 8", COLOURS),
    "RGB said to be of 4 bits": ((96, 64), "/ColorSpace/DeviceRGB/BitsPerComponent 4", COLOURS),
    "RGB said to have a palette": ((96, 64), "/ColorSpace[/Indexed/DeviceRGB 1<000000ffffff>]/BitsPerComponent 8",
                                   COLOURS),
    "larger than it is": ((120, 80), RGB8, COLOURS),
    "smaller than it is": ((48, 32), RGB8, COLOURS),
    "wider than it is": ((100, 64), RGB8, COLOURS),
    "higher than it is": ((96, 100), RGB8, COLOURS),
    "lower than it is": ((96, 40), RGB8, COLOURS),
    "grey and larger": ((97, 65), RGB8, GREYS),
}  # fmt: skip


@pytest.fixture
def read(pdf_sandbox: Sandbox, tmp_path: Path) -> Read:
    """The pictures of a document, which has no others."""

    def reading(document: pymupdf.Document) -> list[Candidate]:
        path = tmp_path / "made.pdf"
        path.write_bytes(document.tobytes())
        leaf = Leaf("made", "pdf", "b", path=str(path))
        found = list(KINDS.get("pdf")().extract(leaf, Tools(Settings(), pdf_sandbox, None)))
        assert not [one for one in found if isinstance(one, Missed)]
        return [one for one in found if isinstance(one, Candidate)]

    return reading


def pixels(candidate: Candidate) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(candidate.data)).convert("RGB"), np.int16)


@pytest.mark.parametrize("what", WRONG)
def test_the_header_of_a_jpeg_wins_over_its_dictionary(read: Read, what: str) -> None:
    size, extra, data = WRONG[what]
    (one,) = read(with_image(size, extra + DCT, data, packed=False))
    truth = Image.open(io.BytesIO(data)).convert("RGB")
    assert np.abs(pixels(one) - np.asarray(truth, np.int16)).mean() < 2
    assert one.place.box == pytest.approx(BOX, abs=0.1)
    assert one.place.tags["pixel_size"] == "96 x 64"


@pytest.mark.parametrize("said", [RGB8, GRAY8, "/BitsPerComponent 8"])
def test_inks_said_to_be_something_else_have_their_colours(read: Read, said: str) -> None:
    (one,) = read(with_image((96, 64), said + DCT, INKS, packed=False))
    assert difference(pixels(one), ARRAY) < 40  # inks are shown duller; inverted ones would be 100 off


def test_a_header_that_claims_rows_it_does_not_have_is_not_believed(read: Read) -> None:
    frame = COLOURS.index(b"\xff\xc0")
    claims = COLOURS[: frame + 5] + (65000).to_bytes(2, "big") + COLOURS[frame + 7 :]
    (one,) = read(with_image((96, 64), RGB8 + DCT, claims, packed=False))
    assert np.abs(pixels(one) - ARRAY).mean() < 4


def test_a_soft_mask_stays_on_a_picture_that_is_mended(read: Read) -> None:
    document = pymupdf.open()
    mask = image(document, (96, 64), GRAY8, bytes([255] * 48 + [0] * 48) * 64)
    xref = image(document, (50, 50), f"{RGB8}{DCT}/SMask {mask} 0 R", GREYS, packed=False)
    for _ in range(2):
        page(document, DRAWN, f"/XObject<</I {xref} 0 R>>")
    for one in read(document):
        assert np.abs(pixels(one)[:, :47] - GRAY[:, :47, None].astype(np.int16)).mean() < 2
        assert (pixels(one)[:, 49:] == 255).all()
