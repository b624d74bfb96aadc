import io
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from medsift.pictures.digests import (
    identity_of_bytes,
    identity_of_pixels,
    link_near_duplicates,
    perceptual_hash,
)

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


def test_a_smaller_and_a_compressed_copy_are_linked_to_the_first():
    image = texture(3)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    pictures = {"a": image, "b": image.resize((160, 120)), "c": Image.open(buffer), "d": texture(4)}
    hashes = [perceptual_hash(picture) for picture in pictures.values()]
    assert link_near_duplicates(list(pictures), hashes, 4) == {"b": "a", "c": "a"}


def test_links_form_no_chains():
    base = 0x5A5A_5A5A_5A5A_5A5A
    hashes = [f"{base:016x}", f"{base ^ 0b111:016x}", f"{base ^ 0b111111:016x}"]
    assert link_near_duplicates(["a", "b", "c"], hashes, 3) == {"b": "a"}


def test_plain_pictures_whose_hash_says_nothing_are_not_linked():
    bars = [Image.new("L", (200, 200), 255) for _ in range(3)]
    for position, image in enumerate(bars):
        ImageDraw.Draw(image).rectangle((0, 40 + 20 * position, 199, 199), fill=128)
    hashes = [perceptual_hash(image) for image in bars] + ["8000000000000000"] * 3
    assert link_near_duplicates([str(n) for n in range(6)], hashes, 4) == {}


def test_blurring_a_picture_leaves_it_linked():
    image = texture(5)
    hashes = [perceptual_hash(image), perceptual_hash(image.filter(ImageFilter.GaussianBlur(2)))]
    assert link_near_duplicates(["a", "b"], hashes, 4) == {"b": "a"}


def slow_links(hashes: list[int], distance: int) -> dict[str, str]:
    leaders: list[int] = []
    links = {}
    for index, value in enumerate(hashes):
        if value.bit_count() < 24:
            continue
        near = [leader for leader in leaders if (hashes[leader] ^ value).bit_count() <= distance]
        if near:
            links[str(index)] = str(near[0])
        else:
            leaders.append(index)
    return links


@given(st.integers(0, 2**32), st.integers(1, 700), st.integers(0, 16))
def test_links_are_those_of_the_plain_definition(seed, count, distance):
    random = np.random.default_rng(seed)
    bases = random.integers(0, 2**64, max(1, count // 3), np.uint64)
    flips = np.uint64(1) << random.integers(0, 64, (count, 6), np.uint64)
    hashes = [int(value) for value in random.choice(bases, count) ^ np.bitwise_xor.reduce(flips, axis=1)]
    names = [str(index) for index in range(count)]
    assert link_near_duplicates(names, [f"{value:016x}" for value in hashes], distance) == slow_links(hashes, distance)


@pytest.mark.long
def test_fifty_thousand_pictures_are_linked_within_a_minute():
    hashes = [f"{value:016x}" for value in np.random.default_rng(0).integers(0, 2**64, 50_000, np.uint64)]
    began = time.monotonic()
    link_near_duplicates([str(n) for n in range(50_000)], hashes, 4)
    assert time.monotonic() - began < 60
