"""The PDF source on files made here, whose pixels and places are known."""

import io
import os
import re
import signal
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from medsift.contracts import About, Candidate, Leaf, Missed
from medsift.errors import EmptySourceError, SourceError
from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools
from medsift.sources._pdf.facts import MAX_PARTS
from tests.sources.pdf_parts import (
    BOX,
    GRAY8,
    RGB8,
    add,
    as_rendered,
    difference,
    encoded,
    grid,
    image,
    page,
    scene,
    with_image,
)

Read = Callable[..., list[Candidate | Missed | About]]


@pytest.fixture
def read(pdf_sandbox: Sandbox, tmp_path: Path) -> Read:
    """Everything the source yields for a document or for a file's bytes."""

    def reading(given: "pymupdf.Document | bytes | Path", **settings: object) -> list[Candidate | Missed | About]:
        path = given if isinstance(given, Path) else tmp_path / "made.pdf"
        if not isinstance(given, Path):
            path.write_bytes(given if isinstance(given, bytes) else given.tobytes())
        tools = Tools(Settings(**settings), pdf_sandbox, None)
        return list(KINDS.get("pdf")().extract(Leaf(str(path), "pdf", "b", path=str(path)), tools))

    return reading


def pictures(found: list[Candidate | Missed | About]) -> list[Candidate]:
    return [one for one in found if isinstance(one, Candidate)]


def missed(found: list[Candidate | Missed | About]) -> list[Missed]:
    return [one for one in found if isinstance(one, Missed)]


def pixels(candidate: Candidate) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(candidate.data)).convert("RGB"), np.int16)


PLACE = pytest.approx(BOX, abs=0.1)


def test_a_pdf_is_recognised_by_its_header_or_its_ending() -> None:
    kind = KINDS.get("pdf")()
    assert kind.recognises("/x/report", b"junk\n%PDF-1.4")
    assert kind.recognises("/x/REPORT.PDF", b"")
    assert not kind.recognises("/x/report.png", b"\x89PNG")
    assert not kind.recognises("/x/report", b" " * 1100 + b"%PDF-1.4")


def test_a_picture_has_the_number_size_and_colour_space_of_its_object(read: Read) -> None:
    document = pymupdf.open()
    grey = image(document, (96, 64), GRAY8, scene()[..., 0].tobytes())
    inks = image(
        document, (96, 64), "/ColorSpace /DeviceCMYK /BitsPerComponent 8", np.zeros((64, 96, 4), np.uint8).tobytes()
    )
    for name, number in (("A", grey), ("B", inks), ("A", grey)):
        page(document, f"q 96 0 0 64 20 20 cm /{name} Do Q", f"/XObject << /{name} {number} 0 R >>")
    told = [each.place.tags for each in pictures(read(document))]
    size = {"pixel_size": "96 x 64"}
    assert told == [
        {"xref": f"{grey}", "colour_space": "DeviceGray", **size},
        {"xref": f"{inks}", "colour_space": "DeviceCMYK", **size},
        {"xref": f"{grey}", "colour_space": "DeviceGray", **size},
    ]


def test_an_inline_picture_has_no_number(read: Read) -> None:
    document = pymupdf.open()
    data = scene(16, 16)[..., 0].tobytes().hex()
    page(document, f"q 160 0 0 160 20 20 cm BI /W 16 /H 16 /CS /G /BPC 8 /F /AHx ID {data}> EI Q")
    (picture,) = pictures(read(document))
    assert picture.place.tags == {"pixel_size": "16 x 16", "colour_space": "DeviceGray"}


def test_a_plain_picture_comes_out_pixel_for_pixel_with_its_place(read: Read) -> None:
    array = scene()
    (one,) = pictures(read(with_image((96, 64), RGB8, array.tobytes())))
    assert np.array_equal(pixels(one), array)
    assert one.place.page == 1
    assert one.place.box == PLACE
    assert one.is_rebuilt


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_rotated_page_gives_pictures_and_boxes_as_displayed(read: Read, turn: int) -> None:
    array = scene()
    document = with_image((96, 64), RGB8, array.tobytes())
    document[0].set_rotation(turn)
    (one,) = pictures(read(document))
    boxes = {0: (50, 100, 242, 228), 90: (172, 50, 300, 242), 180: (58, 172, 250, 300), 270: (100, 58, 228, 250)}
    assert np.array_equal(pixels(one), np.rot90(array, -turn // 90))
    assert one.place.box == pytest.approx(boxes[turn], abs=0.1)


@pytest.mark.parametrize(
    ("matrix", "seen"),
    [
        ("-192 0 0 128 242 172", lambda array: array[:, ::-1]),
        ("192 0 0 -128 50 300", lambda array: array[::-1]),
        ("0 128 -192 0 242 172", np.rot90),
    ],
)
def test_flipped_and_turned_placements_are_set_upright(
    read: Read, matrix: str, seen: Callable[[np.ndarray], np.ndarray]
) -> None:
    array = scene()
    document = pymupdf.open()
    xref = image(document, (96, 64), RGB8, array.tobytes())
    page(document, f"q {matrix} cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    (one,) = pictures(read(document))
    assert np.array_equal(pixels(one), seen(array))
    assert one.place.box == PLACE


def test_the_box_counts_from_the_corner_of_the_crop_box(read: Read) -> None:
    document = with_image((96, 64), RGB8, scene().tobytes())
    document[0].set_cropbox(pymupdf.Rect(20, 30, 280, 380))
    (one,) = pictures(read(document))
    assert one.place.box == pytest.approx((30, 70, 222, 198), abs=0.1)


def test_a_jpeg_that_looks_as_rendered_is_kept_byte_for_byte(read: Read) -> None:
    jpeg = encoded(scene(), "JPEG", quality=90)
    (one,) = pictures(read(with_image((96, 64), RGB8 + "/Filter/DCTDecode", jpeg, packed=False)))
    assert one.data == jpeg
    assert not one.is_rebuilt


@pytest.mark.parametrize("why", ["decode", "orientation", "soft mask", "flip"])
def test_a_jpeg_that_would_look_otherwise_is_rebuilt(read: Read, why: str) -> None:
    array = scene()
    exif = Image.Exif()
    exif[274] = 6 if why == "orientation" else 1
    jpeg = encoded(array, "JPEG", quality=95, subsampling=0, exif=exif)
    document = pymupdf.open()
    extra = {"decode": "/Decode[1 0 1 0 1 0]"}.get(why, "")
    if why == "soft mask":
        extra = f"/SMask {image(document, (96, 64), GRAY8, bytes([128]) * (96 * 64))} 0 R"
    xref = image(document, (96, 64), f"{RGB8}/Filter/DCTDecode{extra}", jpeg, packed=False)
    matrix = "192 0 0 -128 50 300" if why == "flip" else "192 0 0 128 50 172"
    page(document, f"q {matrix} cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    (one,) = pictures(read(document))
    wide = array.astype(np.int16)
    expected = {"decode": 255 - wide, "soft mask": (wide + 255) // 2, "flip": wide[::-1]}.get(why, wide)
    assert one.is_rebuilt
    assert difference(pixels(one), expected) < 4


@pytest.mark.parametrize("decode", ["", "/Decode[1 0 1 0 1 0 1 0]"])
def test_cmyk_jpegs_have_the_colours_of_the_page(read: Read, decode: str) -> None:
    jpeg = io.BytesIO()
    Image.fromarray(scene()).convert("CMYK").save(jpeg, "JPEG", quality=95)
    extra = f"/ColorSpace/DeviceCMYK/BitsPerComponent 8/Filter/DCTDecode{decode}"
    document = with_image((96, 64), extra, jpeg.getvalue(), packed=False)
    (one,) = pictures(read(document))
    assert one.is_rebuilt
    assert difference(pixels(one), as_rendered(document, 0, one.place.box)) < 3


def test_a_soft_mask_finer_than_its_picture_sets_the_resolution(read: Read) -> None:
    mask = np.zeros((120, 180), np.uint8)
    mask[20:60, 30:90] = 255
    document = pymupdf.open()
    smask = image(document, (180, 120), GRAY8, mask.tobytes())
    xref = image(document, (1, 1), f"{GRAY8}/SMask {smask} 0 R", b"\x00")
    page(document, "q 192 0 0 128 50 172 cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    (one,) = pictures(read(document))
    assert np.array_equal(pixels(one)[..., 0], 255 - mask)


def _depths() -> dict[str, tuple[tuple[int, int], str, bytes, np.ndarray]]:
    gray = scene()[..., 1]
    both = np.repeat(gray[..., None], 3, -1)
    index = (np.arange(96 * 64) % 4).astype(np.uint8).reshape(64, 96)
    palette = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)
    bits = (gray > 100).astype(np.uint8)
    wide = np.stack([gray, gray], -1)
    size = (96, 64)
    hexed = palette.tobytes().hex()
    indexed = f"/ColorSpace[/Indexed/DeviceRGB 3<{hexed}>]/BitsPerComponent 8"
    return {
        "decode": (size, f"{GRAY8}/Decode[1 0]", gray.tobytes(), 255 - both),
        "16 bit": (size, "/ColorSpace/DeviceGray/BitsPerComponent 16", wide.tobytes(), both),
        "indexed": (size, indexed, index.tobytes(), palette[index]),
        "1 bit": (
            size,
            "/ColorSpace/DeviceGray/BitsPerComponent 1",
            np.packbits(bits, axis=1).tobytes(),
            np.repeat(bits[..., None] * 255, 3, -1),
        ),
        "colour key": (
            size,
            f"{indexed}/Mask[2 2]",
            index.tobytes(),
            np.where((index == 2)[..., None], 255, palette[index]),
        ),
    }


@pytest.mark.parametrize("name", ["decode", "16 bit", "indexed", "1 bit", "colour key"])
def test_depths_palettes_and_keys_come_out_exactly(read: Read, name: str) -> None:
    size, extra, data, expected = _depths()[name]
    (one,) = pictures(read(with_image(size, extra, data)))
    assert np.abs(pixels(one) - expected.astype(np.int16)).max() <= 1


def test_a_device_n_picture_has_the_colours_of_the_page(read: Read) -> None:
    document = pymupdf.open()
    tint = add(
        document,
        "/FunctionType 4/Domain[0 1 0 1]/Range[0 1 0 1 0 1]",
        b"{ 1 exch sub exch 1 exch sub exch dup }",
        packed=False,
    )
    space = f"/ColorSpace[/DeviceN[/Spot1/Spot2]/DeviceRGB {tint} 0 R]/BitsPerComponent 8"
    xref = image(document, (96, 64), space, scene()[..., :2].tobytes())
    page(document, "q 192 0 0 128 50 172 cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    (one,) = pictures(read(document))
    array = 255 - scene().astype(np.int16)
    assert difference(pixels(one), array[..., [0, 1, 1]]) < 2


def test_a_stencil_is_painted_in_its_colour(read: Read) -> None:
    bits = np.zeros((64, 96), np.uint8)
    bits[10:40, 20:70] = 1
    document = pymupdf.open()
    xref = image(document, (96, 64), "/ImageMask true/BitsPerComponent 1", np.packbits(1 - bits, axis=1).tobytes())
    page(document, "q 0 0.5 1 rg 192 0 0 128 50 172 cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    (one,) = pictures(read(document))
    expected = np.where(bits[..., None] == 1, np.array([0, 128, 255]), 255)
    assert np.abs(pixels(one) - expected).max() <= 1


def test_stencils_laid_on_another_are_one_picture_in_all_their_colours(read: Read) -> None:
    document = pymupdf.open()
    xref = image(document, (80, 80), "/ImageMask true/BitsPerComponent 1", bytes(10 * 80))
    content = "".join(
        f"q 0 {step / 10} 1 rg {200 - 20 * step} 0 0 {200 - 20 * step} {50 + 10 * step} {50 + 10 * step} cm /I Do Q "
        for step in range(7)
    )
    page(document, content, f"/XObject<</I {xref} 0 R>>")
    (one,) = pictures(read(document))
    assert one.place.box == pytest.approx((50, 150, 250, 350), abs=0.1)
    across = pixels(one)[len(pixels(one)) // 2]
    assert tuple(across[2]) == (0, 0, 255)
    assert across[len(across) // 2] == pytest.approx((0, 153, 255), abs=1)


def test_letters_drawn_as_stencils_are_refused_with_a_reason(read: Read) -> None:
    document = pymupdf.open()
    xref = image(document, (64, 96), "/ImageMask true/BitsPerComponent 1", b"\x0f" * (8 * 96))
    content = "".join(f"q 8 0 0 12 {20 + 12 * index} 300 cm /I Do Q " for index in range(20))
    page(document, content, f"/XObject<</I {xref} 0 R>>")
    found = read(document)
    (one,) = missed(found)
    assert not pictures(found)
    assert one.state == "rejected"
    assert "20 drawings" in one.reason
    assert not one.is_part


def test_inline_pictures_are_found(read: Read) -> None:
    array = scene(20, 20)[..., 1]
    document = pymupdf.open()
    data = array.tobytes().hex().upper()
    page(document, f"q 100 0 0 100 50 200 cm BI /W 20 /H 20 /CS /G /BPC 8 /F /AHx ID {data}> EI Q")
    (one,) = pictures(read(document))
    assert np.array_equal(pixels(one)[..., 0], array)
    assert one.place.box == pytest.approx((50, 100, 150, 200), abs=0.1)


def test_a_form_drawn_twice_gives_two_occurrences_of_the_same_bytes(read: Read) -> None:
    document = pymupdf.open()
    inner = image(document, (96, 64), RGB8, scene().tobytes())
    form = add(
        document,
        f"/Type/XObject/Subtype/Form/BBox[0 0 96 64]/Resources<</XObject<</I {inner} 0 R>>>>",
        b"q 96 0 0 64 0 0 cm /I Do Q",
    )
    page(document, "q 1 0 0 1 20 300 cm /F Do Q q 1 0 0 1 150 100 cm /F Do Q", f"/XObject<</F {form} 0 R>>")
    one, other = pictures(read(document))
    assert one.data == other.data
    assert one.place.box == pytest.approx((20, 36, 116, 100), abs=0.1)
    assert other.place.box == pytest.approx((150, 236, 246, 300), abs=0.1)


def test_pictures_in_patterns_are_found_once_where_they_are_seen(read: Read) -> None:
    document = pymupdf.open()
    array = scene()
    inner = image(document, (96, 64), RGB8, array.tobytes())
    pattern = add(
        document,
        "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 96 64]/XStep 96/YStep 64"
        f"/Matrix[1 0 0 1 0 0]/Resources<</XObject<</I {inner} 0 R>>>>",
        b"q 96 0 0 64 0 0 cm /I Do Q",
    )
    page(document, "/Pattern cs /P scn 96 128 192 192 re f", f"/Pattern<</P {pattern} 0 R>>")
    (one,) = pictures(read(document))
    assert np.array_equal(pixels(one), array)
    assert one.place.box == pytest.approx((96, 80, 192, 144), abs=0.1)


def test_pictures_in_type_3_glyphs_are_found(read: Read) -> None:
    document = pymupdf.open()
    inner = image(document, (96, 64), RGB8, scene().tobytes())
    glyph = add(document, "", b"1000 0 d0 q 960 0 0 640 0 0 cm /I Do Q")
    font = add(
        document,
        "/Type/Font/Subtype/Type3/FontBBox[0 0 1000 1000]/FontMatrix[0.001 0 0 0.001 0 0]/FirstChar 97/LastChar 97"
        f"/Widths[1000]/Encoding<</Differences[97/a]>>/CharProcs<</a {glyph} 0 R>>"
        f"/Resources<</XObject<</I {inner} 0 R>>>>",
        b"",
    )
    page(document, "BT /T 100 Tf 50 200 Td (a) Tj ET", f"/Font<</T {font} 0 R>>")
    (one,) = pictures(read(document))
    assert np.array_equal(pixels(one), scene())
    assert one.place.box == pytest.approx((50, 136, 146, 200), abs=0.2)


def test_strips_of_one_figure_are_joined(read: Read) -> None:
    array = scene(200, 160)
    strips = [(array[y : y + 16], (50.0, 100 + y / 2, 150.0, 100 + y / 2 + 8)) for y in range(0, 160, 16)]
    (one,) = pictures(read(grid(strips)))
    assert len(one.place.tags["xref"].split()) == MAX_PARTS
    assert "pixel_size" not in one.place.tags
    assert one.place.box == pytest.approx((50, 100, 150, 180), abs=0.1)
    assert pixels(one).shape == (160, 200, 3)
    assert difference(pixels(one), array) < 2


def test_tiles_of_one_photograph_are_joined_and_panels_side_by_side_are_not(read: Read) -> None:
    y, x = np.mgrid[0:128, 0:128]
    photo = np.stack([x, 128 + 100 * np.sin(x / 9) * np.cos(y / 7), y * 2], -1).astype(np.uint8)
    tiles = [
        (photo[r : r + 64, c : c + 64], (50.0 + c / 2, 100 + r / 2, 82.0 + c / 2, 132 + r / 2))
        for r in (0, 64)
        for c in (0, 64)
    ]
    (whole,) = pictures(read(grid(tiles)))
    assert difference(pixels(whole), photo) < 3
    framed = [np.pad(scene(56, 56, seed), ((4, 4), (4, 4), (0, 0)), constant_values=255) for seed in (1, 2)]
    panels = [(framed[0], (50.0, 100.0, 114.0, 164.0)), (framed[1], (114.0, 100.0, 178.0, 164.0))]
    assert len(pictures(read(grid(panels)))) == 2


@pytest.mark.parametrize("turn", [0, 90])
def test_tiles_without_a_trace_of_their_neighbours_belong_to_the_picture_that_they_fill(read: Read, turn: int) -> None:
    drawing = np.full((200, 300, 3), 255, np.uint8)
    drawing[20:180, 30:34] = drawing[176:180, 30:280] = 0
    document, content, names = pymupdf.open(), "", ""
    for number in range(6):
        row, column = divmod(number, 3)
        tile = np.ascontiguousarray(drawing[row * 100 : row * 100 + 100, column * 100 : column * 100 + 100])
        names += f"/I{number} {image(document, (100, 100), RGB8, tile.tobytes())} 0 R"
        content += f"q 50 0 0 50 {50 + 50 * column} {250 - 50 * row} cm /I{number} Do Q "
    page(document, content, f"/XObject<<{names}>>")
    document[0].set_rotation(turn)
    (found,) = read(document)[1:]
    assert (pixels(found) == np.rot90(drawing, -turn // 90)).all()


def test_a_gradient_is_no_picture(read: Read) -> None:
    document = pymupdf.open()
    function = "<</FunctionType 2/Domain[0 1]/C0[1 0 0]/C1[0 0 1]/N 1>>"
    shading = f"/ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 300 0]/Function{function}"
    page(document, "/S sh", f"/Shading<</S<<{shading}>>>>")
    found = read(document)
    assert not pictures(found)
    assert not missed(found)


def test_a_clipped_picture_is_what_the_clip_leaves_of_it(read: Read) -> None:
    document = pymupdf.open()
    array = scene(96, 64)
    xref = image(document, (96, 64), RGB8, array.tobytes())
    page(document, "q 50 172 96 128 re W n 192 0 0 128 50 172 cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    (one,) = pictures(read(document))
    assert one.place.box == pytest.approx((50, 100, 146, 228), abs=0.1)
    assert np.array_equal(pixels(one), array[:, :48])


def test_what_is_painted_over_a_picture_is_not_given_away(read: Read) -> None:
    jpeg = encoded(scene(), "JPEG")
    document = pymupdf.open()
    xref = image(document, (96, 64), RGB8 + "/Filter/DCTDecode", jpeg, packed=False)
    draw = "q 192 0 0 128 50 172 cm /I Do Q "
    page(document, draw + "0 g 50 172 96 128 re f", f"/XObject<</I {xref} 0 R>>")
    page(document, draw + "1 g 40 160 220 150 re f", f"/XObject<</I {xref} 0 R>>")
    found = read(document)
    (half,) = pictures(found)
    (hidden,) = missed(found)
    assert half.is_rebuilt
    assert pixels(half)[:, :46].max() < 3
    assert hidden.place.page == 2
    assert "cover" in hidden.reason


def test_an_overly_large_picture_does_not_lose_its_neighbours(read: Read) -> None:
    document = pymupdf.open()
    large = image(document, (30000, 30000), RGB8, b"\x00" * 4096)
    good = image(document, (96, 64), RGB8, scene().tobytes())
    names = f"/XObject<</L {large} 0 R/I {good} 0 R>>"
    page(document, "q 100 0 0 100 20 20 cm /L Do Q q 192 0 0 128 50 172 cm /I Do Q", names)
    found = read(document)
    (one,), (refused,) = pictures(found), missed(found)
    assert np.array_equal(pixels(one), scene())
    assert refused.state == "rejected"
    assert "30000 x 30000" in refused.reason


def test_a_logo_on_many_pages_costs_its_work_once(read: Read) -> None:
    document = pymupdf.open()
    jpeg = encoded(scene(600, 400), "JPEG")
    xref = image(document, (600, 400), RGB8 + "/Filter/DCTDecode", jpeg, packed=False)
    for _ in range(600):
        page(document, "q 192 0 0 128 50 172 cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    began = time.monotonic()
    found = pictures(read(document))
    assert [one.place.page for one in found] == list(range(1, 601))
    assert {one.data for one in found} == {jpeg}
    assert time.monotonic() - began < 20


def test_captions_and_title_are_found(read: Read) -> None:
    document = with_image((96, 64), RGB8, scene().tobytes())
    one = document[0]
    one.insert_text((50, 40), "Pulmonary nodules in children", fontsize=18)
    one.insert_textbox(
        (50, 235, 250, 290), "Figure 3. Axial CT of the tho-\nrax shows a nodule\nin the left lung.", fontsize=9
    )
    one.insert_textbox((50, 310, 250, 390), "Some other words of the paper stand here.", fontsize=9)
    found = read(document)
    about = next(item for item in found if isinstance(item, About))
    (picture,) = pictures(found)
    assert picture.place.caption == "Figure 3. Axial CT of the thorax shows a nodule in the left lung."
    assert "Some other words" in picture.place.nearby
    assert (about.title, about.pages) == ("Pulmonary nodules in children", 1)


def test_an_encrypted_pdf_is_reported_with_its_reason(read: Read, tmp_path: Path) -> None:
    document = with_image((96, 64), RGB8, scene().tobytes())
    path = tmp_path / "locked.pdf"
    document.save(path, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="owner")
    with pytest.raises(SourceError, match=r"^Encrypted"):
        read(path)


def test_an_encrypted_pdf_with_an_empty_password_is_read(read: Read, tmp_path: Path) -> None:
    document = with_image((96, 64), RGB8, scene().tobytes())
    path = tmp_path / "open.pdf"
    document.save(path, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="owner")
    (one,) = pictures(read(path))
    assert np.array_equal(pixels(one), scene())


def test_an_empty_file_a_missing_one_and_one_that_is_no_pdf_say_so(read: Read, tmp_path: Path) -> None:
    with pytest.raises(EmptySourceError, match="empty"):
        read(b"")
    with pytest.raises(SourceError, match="not a PDF"):
        read(b"<html>no pdf at all</html>" * 50)
    with pytest.raises(SourceError, match="no such file"):
        read(tmp_path / "missing.pdf")


def test_a_truncated_pdf_gives_what_is_left_of_it(read: Read) -> None:
    document = pymupdf.open()
    for seed in range(6):
        xref = image(document, (96, 64), RGB8, scene(96, 64, seed).tobytes())
        page(document, "q 192 0 0 128 50 172 cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    whole = document.tobytes()
    try:
        found = read(whole[: len(whole) * 6 // 10])
    except SourceError as error:
        assert "PDF" in str(error)
    else:
        assert pictures(found) or missed(found)


def test_pictures_of_a_file_without_reachable_pages_are_still_had(read: Read) -> None:
    data = with_image((96, 64), RGB8, scene().tobytes()).tobytes()
    kids = re.search(rb"/Kids\[(\d+ 0 R)\]", data)
    assert kids
    data = data.replace(kids[1], b" " * len(kids[1]), 1).replace(b"/Count 1", b"/Count 0")
    found = read(data)
    (one,) = pictures(found)
    assert np.array_equal(pixels(one), scene())
    assert one.place.page is None
    assert [note.is_part for note in missed(found)] == [True]


def test_a_broken_page_is_named_and_the_others_are_read(read: Read) -> None:
    document = pymupdf.open()
    xref = image(document, (96, 64), RGB8, scene().tobytes())
    for _ in range(3):
        page(document, "q 192 0 0 128 50 172 cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    tree = document.xref_get_key(document.pdf_catalog(), "Pages")[1]
    document.update_object(document[2].xref, f"<</Type/Pages/Parent {tree}/Count 1/Kids[{tree}]>>")
    found = read(document)
    (lost,) = missed(found)
    assert [one.place.page for one in pictures(found)] == [1, 2]
    assert lost.is_part
    assert lost.place.page == 3


def test_reading_goes_on_behind_a_page_at_which_the_child_died(tmp_path: Path) -> None:
    document = pymupdf.open()
    noise = np.random.default_rng(0)
    for _ in range(4):
        array = noise.integers(0, 255, (400, 400, 3), np.uint8)
        xref = image(document, (400, 400), RGB8, array.tobytes())
        page(document, "q 200 0 0 200 50 150 cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    path = tmp_path / "made.pdf"
    document.save(path)
    found: list[Candidate | Missed | About] = []
    with Sandbox(Limits(60, 3072)) as sandbox:
        tools = Tools(Settings(), sandbox, None)
        for one in KINDS.get("pdf")().extract(Leaf(str(path), "pdf", "b", path=str(path)), tools):
            found.append(one)
            if isinstance(one, Candidate) and one.place.page == 1:
                os.kill(sandbox._child.pid, signal.SIGKILL)
    (lost,) = missed(found)
    assert lost.is_part
    assert lost.state == "failed"
    seen = [one.place.page for one in pictures(found)]
    assert sorted({*seen, lost.place.page}) == [1, 2, 3, 4]
    assert seen[-2:] == [3, 4]


def test_a_page_that_takes_too_long_is_named_and_the_next_is_read(read: Read) -> None:
    document = pymupdf.open()
    data = zlib.compress(bytes(81_000_000))
    slow = [image(document, (9000, 9000), GRAY8 + "/Filter/FlateDecode", data, packed=False) for _ in range(40)]
    quick = image(document, (96, 64), RGB8, scene().tobytes())
    page(document, "q 192 0 0 128 50 172 cm /I Do Q", f"/XObject<</I {quick} 0 R>>")
    names = "".join(f"/S{index} {slow[index]} 0 R" for index in range(40))
    places = [(5 + 36 * (index % 8), 5 + 50 * (index // 8)) for index in range(40)]
    content = "".join(f"q 30 0 0 40 {x} {y} cm /S{index} Do Q " for index, (x, y) in enumerate(places))
    page(document, content, f"/XObject<<{names}>>")
    page(document, "q 192 0 0 128 50 172 cm /I Do Q", f"/XObject<</I {quick} 0 R>>")
    found = read(document, child_timeout_s=12)
    (lost,) = missed(found)
    assert lost.is_part
    assert lost.place.page == 2
    assert "longer" in lost.reason
    assert {1, 3} <= {one.place.page for one in pictures(found)}
