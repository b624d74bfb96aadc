import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from medsift.errors import PictureError
from medsift.pictures.decode import decode, windowed

MAX_PIXELS = 10_000_000


def encoded(image: Image.Image, format_name: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def noise(width: int = 300, height: int = 200, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def two_halves(left: object, right: object, mode: str, size: tuple[int, int] = (40, 20)) -> Image.Image:
    image = Image.new(mode, size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    return image


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000", "AVIF"])
def test_every_format_is_read(format_name):
    image = decode(encoded(two_halves((200, 20, 20), (20, 20, 200), "RGB"), format_name), MAX_PIXELS)
    assert (image.size, image.mode) == ((40, 20), "RGB")
    assert np.allclose(image.getpixel((5, 10)), (200, 20, 20), atol=12)


@pytest.mark.parametrize("format_name", ["PPM", "ICO", "TGA", "PDF", "EPS", "SGI"])
def test_formats_that_are_not_named_are_not_opened(format_name):
    with pytest.raises(PictureError, match="no picture of a format that is read"):
        decode(encoded(noise(), format_name), MAX_PIXELS)


def test_an_exif_turn_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = decode(encoded(two_halves("red", "blue", "RGB"), "JPEG", exif=exif, quality=95), MAX_PIXELS)
    assert image.size == (20, 40)
    assert np.allclose(image.getpixel((10, 5)), (254, 0, 0), atol=8)


def test_a_broken_exif_block_costs_only_the_turn():
    broken = b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 40
    assert decode(encoded(noise(), "JPEG", exif=broken), MAX_PIXELS).size == (300, 200)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_truncated_jpeg_fails_and_says_so(cut, options):
    data = encoded(noise(), "JPEG", **options)
    with pytest.raises(PictureError, match="truncated") as caught:
        decode(data[: int(len(data) * cut)], MAX_PIXELS)
    assert caught.value.state == "failed"


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("end", [b"", b"\xff"])
@pytest.mark.parametrize("size", [(300, 200), (17, 9)])
def test_a_jpeg_that_lacks_only_its_end_marker_is_read_whole(options, end, size):
    data = encoded(noise(*size), "JPEG", **options)
    assert data.endswith(b"\xff\xd9")
    assert decode(data[:-2] + end, MAX_PIXELS).tobytes() == decode(data, MAX_PIXELS).tobytes()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_jpeg_whose_last_bytes_are_missing_fails(options):
    data = encoded(noise(), "JPEG", **options)
    for missing in (6, 20, 300):
        with pytest.raises(PictureError, match="truncated"):
            decode(data[:-missing], MAX_PIXELS)


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000", "AVIF"])
def test_half_a_file_of_any_format_fails(format_name):
    data = encoded(noise(), format_name)
    with pytest.raises(PictureError) as caught:
        decode(data[: len(data) // 2], MAX_PIXELS)
    assert caught.value.state == "failed"


def test_too_many_pixels_are_rejected_before_they_are_decoded():
    with pytest.raises(PictureError, match="10 million") as caught:
        decode(encoded(Image.new("1", (4000, 2600))), MAX_PIXELS)
    assert caught.value.state == "rejected"


def test_a_header_that_claims_a_huge_picture_is_rejected():
    data = bytearray(encoded(noise()))
    data[16:24] = struct.pack(">II", 2_000_000, 2_000_000)
    with pytest.raises(PictureError):
        decode(bytes(data), MAX_PIXELS)


@pytest.mark.parametrize(
    "image",
    [
        two_halves((0, 0, 0, 0), (255, 0, 0, 255), "RGBA"),
        two_halves((0, 0), (90, 255), "LA"),
    ],
)
def test_what_is_transparent_is_shown_on_white(image):
    shown = decode(encoded(image), MAX_PIXELS)
    assert shown.mode == ("L" if image.mode == "LA" else "RGB")
    assert shown.convert("RGB").getpixel((5, 5)) == (255, 255, 255)
    assert shown.convert("RGB").getpixel((35, 5)) != (255, 255, 255)


def test_a_palette_with_a_transparent_entry_is_shown_on_white():
    image = two_halves(0, 1, "P")
    image.putpalette([0, 0, 0, 255, 0, 0])
    shown = decode(encoded(image, transparency=0), MAX_PIXELS)
    assert shown.getpixel((5, 5)) == (255, 255, 255)
    assert shown.getpixel((35, 5)) == (255, 0, 0)


def test_an_adobe_cmyk_jpeg_keeps_its_colours():
    # Pillow writes CMYK as Adobe does, inverted and marked; read wrongly, red comes out as its complement.
    data = encoded(Image.new("RGB", (32, 32), (220, 30, 30)).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    assert np.allclose(decode(data, MAX_PIXELS).getpixel((16, 16)), (220, 30, 30), atol=12)


def test_a_cmyk_tiff_keeps_its_colours():
    data = encoded(Image.new("RGB", (32, 32), (30, 160, 60)).convert("CMYK"), "TIFF")
    assert np.allclose(decode(data, MAX_PIXELS).getpixel((16, 16)), (30, 160, 60), atol=2)


def test_a_lab_tiff_becomes_colours():
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.new("RGB", (32, 32), (200, 40, 40)), to_lab)
    assert np.allclose(decode(encoded(lab, "TIFF"), MAX_PIXELS).getpixel((16, 16)), (200, 40, 40), atol=4)


def test_an_embedded_profile_is_applied_and_a_broken_one_ignored():
    with_profile = swapped_profile()
    plain = Image.new("RGB", (32, 32), (250, 20, 20))
    assert decode(encoded(plain, icc_profile=with_profile), MAX_PIXELS).getpixel((9, 9)) != (250, 20, 20)
    assert decode(encoded(plain, icc_profile=b"no profile" * 30), MAX_PIXELS).getpixel((9, 9)) == (250, 20, 20)


def swapped_profile() -> bytes:
    """sRGB with the colourants of red and green exchanged and another name."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return (
        profile.replace(b"rXYZ", b"tXYZ")
        .replace(b"gXYZ", b"rXYZ")
        .replace(b"tXYZ", b"gXYZ")
        .replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    )


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_twelve_bits_in_sixteen_are_not_shown_black(format_name):
    ramp = np.tile(np.linspace(0, 4095, 256).astype(np.uint16), (64, 1))
    image = decode(encoded(Image.fromarray(ramp), format_name), MAX_PIXELS)
    assert image.mode == "L"
    assert image.getpixel((0, 0)) == 0
    assert image.getpixel((255, 0)) == 255
    assert abs(image.getpixel((128, 0)) - 128) <= 2


def test_a_sixteen_bit_tiff_in_which_white_is_zero_is_inverted():
    ramp = Image.fromarray(np.tile(np.linspace(0, 4095, 256).astype(np.uint16), (64, 1)))
    image = decode(encoded(ramp, "TIFF", tiffinfo={262: 0}), MAX_PIXELS)
    assert image.getpixel((0, 0)) == 255


def test_a_turned_sixteen_bit_tiff_stands_upright():
    image = decode(encoded(Image.fromarray(np.arange(800, dtype=np.uint16).reshape(20, 40)), "TIFF", tiffinfo={274: 6}),
                   MAX_PIXELS)  # fmt: skip
    assert image.size == (20, 40)


def test_one_hot_pixel_does_not_darken_a_float_picture():
    values = np.tile(np.linspace(0, 1, 200, dtype=np.float32), (200, 1))
    values[0, 0], values[1, 1] = 1e6, np.nan
    shown = np.asarray(decode(encoded(Image.fromarray(values), "TIFF"), MAX_PIXELS))
    assert shown[100, 100] > 110


def test_a_few_lit_pixels_on_black_stay_visible():
    values = np.zeros((300, 300), np.uint16)
    values[10:12, 10:12] = 3000
    assert windowed(values).max() == 255


def test_one_bit_becomes_black_and_white():
    image = decode(encoded(two_halves(0, 1, "1"), "TIFF", compression="group4"), MAX_PIXELS)
    assert (image.mode, image.getpixel((5, 5)), image.getpixel((35, 5))) == ("L", 0, 255)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP"])
def test_an_animation_is_its_first_frame(format_name):
    second = Image.new("RGB", (40, 40), "blue")
    data = encoded(Image.new("RGB", (40, 40), "red"), format_name, save_all=True, append_images=[second])
    assert np.allclose(decode(data, MAX_PIXELS).getpixel((20, 20)), (255, 0, 0), atol=6)


SEEDS = [encoded(noise(48, 32), name) for name in ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000", "AVIF")]


@settings(max_examples=200)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=12),
       st.integers(1, 100))  # fmt: skip
def test_damaged_bytes_give_a_picture_or_a_picture_error(data, changes, percent):
    damaged = bytearray(data[: max(1, len(data) * percent // 100)])
    for position, value in changes:
        damaged[position % len(damaged)] = value
    try:
        image = decode(bytes(damaged), 1_000_000)
    except PictureError as error:
        assert error.state in ("rejected", "failed")
    else:
        assert image.mode in ("L", "RGB")
