"""White margins round a picture change nothing that a model sees of it."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from medsift.pictures.margins import without_margins

SQUASH = {"size": 96, "mode": "squash", "resize": 0, "resample": "bicubic"}
WHITE = (255, 255, 255)


def picture(width: int, height: int, seed: int = 1) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 200, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def framed(image: Image.Image, margins: tuple[int, int, int, int], ground: tuple[int, int, int] = WHITE) -> Image.Image:
    return ImageOps.expand(image, margins, ground)


@given(
    st.tuples(st.integers(20, 200), st.integers(20, 200)),
    st.tuples(*[st.integers(1, 80)] * 4),
    st.integers(240, 255),
)
def test_whatever_margins_a_picture_has_what_remains_is_the_picture(size, margins, brightness):
    plain = picture(*size)
    kept = without_margins(framed(plain, margins, (brightness,) * 3))
    assert (np.asarray(kept) == np.asarray(plain)).all()


@pytest.mark.parametrize("ground", [(0, 0, 0), (128, 128, 128), (230, 230, 230), (255, 255, 0)])
def test_grounds_that_are_not_white_stay(ground):
    image = framed(picture(100, 80), (20, 20, 20, 20), ground)
    assert without_margins(image) is image


def test_a_margin_on_one_side_alone_stays():
    image = framed(picture(100, 80), (0, 0, 0, 30))
    assert without_margins(image) is image


def test_a_white_page_and_one_with_a_speck_stay_as_they_are():
    page = Image.new("RGB", (300, 300), "white")
    assert without_margins(page) is page
    page.paste((0, 0, 0), (150, 150, 154, 154))
    assert without_margins(page) is page


def test_specks_of_a_scanned_margin_are_margin():
    plain = picture(200, 200)
    scanned = framed(plain, (60, 60, 60, 60))
    scanned.putpixel((10, 10), (90, 90, 90))
    assert without_margins(scanned).size == plain.size


def test_margins_of_a_compressed_picture_are_found():
    buffer = io.BytesIO()
    framed(picture(160, 160).resize((320, 320)), (64, 64, 64, 64)).save(buffer, "JPEG", quality=60)
    width, height = without_margins(Image.open(buffer).convert("RGB")).size
    assert abs(width - 320) <= 16  # blocks of 8 pixels that the edge runs through
    assert abs(height - 320) <= 16


def test_of_a_large_picture_no_more_than_a_five_hundredth_of_margin_is_left_and_nothing_is_lost():
    plain = picture(2100, 1500)
    kept = without_margins(framed(plain, (301, 203, 405, 507)))
    assert 0 <= kept.width - plain.width <= 2 * 2806 / 500
    assert 0 <= kept.height - plain.height <= 2 * 2210 / 500


def test_views_of_a_picture_with_margins_are_those_of_the_picture(workers, saved):
    plain = picture(200, 150)
    paths = [saved("plain.png", plain), saved("framed.png", framed(plain, (40, 30, 20, 60)))]

    def work(sandbox, path):
        arguments = {"path": str(path), "max_pixels": 50_000_000, "views": [SQUASH]}
        return [data for _, data in sandbox.stream("medsift.pictures.views:views", arguments)]

    seen, seen_framed = workers.map(work, paths)
    assert seen == seen_framed


def test_a_heat_map_is_of_the_picture_less_its_margins(workers, saved):
    path = saved("framed.png", framed(picture(120, 90), (40, 40, 40, 40)))

    def work(sandbox, path):
        arguments = {"path": str(path), "max_pixels": 50_000_000, "heat": [[1.0, -1.0]]}
        return [data for _, data in sandbox.stream("medsift.pictures.occlusion:heat_map", arguments)]

    ((png,),) = workers.map(work, [path])
    assert Image.open(io.BytesIO(png)).size == (120, 90)
