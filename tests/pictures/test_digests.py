import io

import numpy as np
from PIL import Image

from medsift.pictures.digests import identity_of_bytes, identity_of_pixels

RAMP_RGB = "a119170525fd0304f67b3f99ffc1944bf25adf54743480198547cb4fc1c37804"
RAMP_16 = "b66c7cb0aa142da8ce4eb9e0c9f2e5c512ab42d10632fdd395f8c9634a40e2ed"


def texture(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def as_png(image: Image.Image, **options: object) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return Image.open(buffer)


def test_the_identity_of_a_rebuilt_picture_is_that_of_its_pixels():
    image = texture(1)
    assert identity_of_pixels(as_png(image, compress_level=1)) == identity_of_pixels(as_png(image, compress_level=9))
    assert identity_of_pixels(image) != identity_of_pixels(image.convert("L"))
    assert identity_of_pixels(Image.new("L", (4, 8))) != identity_of_pixels(Image.new("L", (8, 4)))


def test_identities_are_what_they_were():
    # Identities stand in databases for years: no release of this code or of a library may change one.
    assert identity_of_bytes(b"medsift") == "38fdb0eb12e6c1a74fa282bba9d62c01d4577f9eaee463e190a8e843b0c31fd0"
    ramp = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert identity_of_pixels(Image.fromarray(ramp)) == RAMP_RGB
    assert identity_of_pixels(Image.fromarray(ramp[..., 0].astype(np.uint16) * 999)) == RAMP_16


def test_a_palette_png_and_its_colours_are_one_picture():
    colours = texture(2).quantize(16)
    assert identity_of_pixels(as_png(colours)) == identity_of_pixels(colours.convert("RGBA"))
