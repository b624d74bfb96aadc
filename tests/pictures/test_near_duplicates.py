"""Pictures that look alike are linked to the first of them, and an index finds exactly what comparing all would."""

import io

import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from medsift.pictures.digests import perceptual_hash
from medsift.pictures.near_duplicates import HammingIndex, link_near_duplicates


def texture(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


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


def alike(seed: int, count: int) -> list[int]:
    """Codes in groups of some three that differ in up to six bits."""
    random = np.random.default_rng(seed)
    bases = random.integers(0, 2**64, max(1, count // 3), np.uint64)
    flips = np.uint64(1) << random.integers(0, 64, (count, 6), np.uint64)
    return [int(value) for value in random.choice(bases, count) ^ np.bitwise_xor.reduce(flips, axis=1)]


@hypothesis_settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(0, 16))
def test_the_index_finds_the_first_code_that_comparing_with_all_finds(seed, count, distance):
    index, codes = HammingIndex(distance), alike(seed, count)
    for number, code in enumerate(codes):
        near = [earlier for earlier in range(number) if (codes[earlier] ^ code).bit_count() <= distance]
        assert index.first_within(code) == (near[0] if near else -1)
        index.add(code)


@hypothesis_settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=20), st.integers(0, 16))
def test_a_code_is_found_however_its_bits_differ(code, bits, distance):
    index = HammingIndex(distance)
    index.add(code)
    assert index.first_within(code ^ sum(1 << bit for bit in bits)) == (0 if len(bits) <= distance else -1)


@hypothesis_settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(0, 16))
def test_links_are_those_of_the_plain_definition(seed, count, distance):
    hashes = alike(seed, count)
    names = [str(index) for index in range(count)]
    assert link_near_duplicates(names, [f"{value:016x}" for value in hashes], distance) == slow_links(hashes, distance)


@hypothesis_settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(2, 200), st.data())
def test_pictures_that_come_one_run_after_the_other_get_the_links_of_one_run(seed, count, data):
    hashes = [f"{code:016x}" for code in alike(seed, count)]
    names = [str(number) for number in range(count)]
    cut = data.draw(st.integers(0, count))
    first = link_near_duplicates(names[:cut], hashes[:cut], 4)
    stored = [(name, value, first.get(name)) for name, value in zip(names[:cut], hashes[:cut], strict=True)]
    second = link_near_duplicates(names[cut:], hashes[cut:], 4, stored)
    assert first | second == link_near_duplicates(names, hashes, 4)
    again = data.draw(st.integers(0, cut))  # what the second run has in common with the first
    assert link_near_duplicates(names[again:], hashes[again:], 4, stored) == {
        name: link for name, link in (first | second).items() if int(name) >= again
    }
