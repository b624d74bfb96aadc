"""TIFFs of more than 8 bits a sample, in every order of bytes and planes: made here, since Pillow writes few."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from medsift.pictures.decode import decode
from medsift.pictures.frames import tiff_pages

RAW, DEFLATE = 1, 8
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
EACH = [(order, packing) for order in "<>" for packing in (RAW, DEFLATE)]
FORMATS = {"u": 1, "i": 2, "f": 3}
Page = tuple[np.ndarray, int]


def colours() -> np.ndarray:
    y, x = np.mgrid[0:64, 0:96]
    made = np.stack([x * 2, y * 3, x + y], -1).astype(np.uint8)
    made[:16, :24] = (255, 0, 0)
    return made


def tiff(pages: list[Page], order: str, packing: int, *, is_separate: bool = False, orientation: int = 1) -> bytes:
    """A TIFF of pages (samples, photometric interpretation)."""
    out = bytearray(struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 0))
    link = 4
    for samples, photometric in pages:
        height, width = samples.shape[:2]
        bands = samples.shape[2] if samples.ndim == 3 else 1
        planes = [samples[..., band] for band in range(bands)] if is_separate else [samples]
        strips = [plane.astype(samples.dtype.newbyteorder(order)).tobytes() for plane in planes]
        strips = [zlib.compress(strip) if packing == DEFLATE else strip for strip in strips]
        starts = []
        for strip in strips:
            starts.append(len(out))
            out += strip + bytes(len(strip) % 2)
        tags = {
            256: [width], 257: [height], 258: [8 * samples.itemsize] * bands, 259: [packing], 262: [photometric],
            273: starts, 274: [orientation], 277: [bands], 278: [height], 279: list(map(len, strips)),
            284: [1 + is_separate], 339: [FORMATS[samples.dtype.kind]] * bands,
        }  # fmt: skip
        tags |= {338: [2]} if bands == 4 else {}
        entries = b""
        for tag, values in sorted(tags.items()):
            kind, letter = (4, "I") if tag in (273, 279) else (3, "H")
            value = struct.pack(f"{order}{len(values)}{letter}", *values)
            if len(value) > 4:
                value, where = struct.pack(f"{order}I", len(out)), value
                out += where
            entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
        struct.pack_into(f"{order}I", out, link, len(out))
        out += struct.pack(f"{order}H", len(tags)) + entries
        link = len(out)
        out += bytes(4)
    return bytes(out)


def apart(image: Image.Image, expected: np.ndarray) -> float:
    return float(np.abs(np.asarray(image).astype(int) - expected).max())


@pytest.mark.parametrize(("order", "packing"), EACH)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_colours_of_few_bits_in_words_of_sixteen_fill_the_range(order, packing, bits):
    samples = colours().astype(np.uint16) << (bits - 8)
    assert apart(decode(tiff([(samples, RGB)], order, packing), 10**6), colours()) == 0


@pytest.mark.parametrize(("order", "packing"), EACH)
def test_the_lesser_bits_of_colours_are_not_lost(order, packing):
    samples = np.arange(64 * 96, dtype=np.uint16).reshape(64, 96, 1) % 4096 + np.zeros(3, np.uint16)
    samples[0, 0] = 4095
    assert apart(decode(tiff([(samples, RGB)], order, packing), 10**6), samples >> 4) == 0


@pytest.mark.parametrize(("order", "packing"), EACH)
def test_opacity_of_sixteen_bits_stays_where_colours_are_moved(order, packing):
    samples = np.dstack([colours().astype(np.uint16) << 4, np.full((64, 96), 65535, np.uint16)])
    assert apart(decode(tiff([(samples, RGB)], order, packing), 10**6), colours()) == 0


def test_a_dark_picture_of_sixteen_bits_stays_dark():
    samples = colours().astype(np.uint16) << 7
    assert apart(decode(tiff([(samples, RGB)], "<", RAW), 10**6), colours() >> 1) == 0


@pytest.mark.parametrize(("order", "packing"), EACH)
def test_words_of_colours_in_planes_of_their_own_are_read(order, packing):
    samples = colours().astype(np.uint16) * 257
    assert apart(decode(tiff([(samples, RGB)], order, packing, is_separate=True), 10**6), colours()) == 0


@pytest.mark.parametrize(("order", "packing"), EACH)
@pytest.mark.parametrize("kind", ["u2", "i2", "u4", "i4", "f4"])
def test_greys_of_any_number_are_read_in_either_order_of_bytes(order, packing, kind):
    ramp = np.linspace(0, 30000, 64 * 96).reshape(64, 96).astype(kind)
    shown = np.asarray(decode(tiff([(ramp, BLACK_IS_ZERO)], order, packing), 10**6)).astype(int)
    assert np.abs(shown - np.linspace(0, 255, 64 * 96).reshape(64, 96)).max() < 4


@pytest.mark.parametrize(("order", "packing"), EACH)
def test_sixteen_bits_in_which_white_is_zero_are_inverted_in_either_order_of_bytes(order, packing):
    ramp = np.linspace(0, 65535, 64 * 96).reshape(64, 96).astype(np.uint16)
    shown = np.asarray(decode(tiff([(ramp, WHITE_IS_ZERO)], order, packing), 10**6)).astype(int)
    assert np.abs(shown - np.linspace(255, 0, 64 * 96).reshape(64, 96)).max() < 4


@pytest.mark.parametrize(("order", "packing"), EACH)
def test_turned_colours_of_twelve_bits_stand_upright(order, packing):
    samples = np.rot90(colours()).astype(np.uint16) << 4
    data = tiff([(samples, RGB)], order, packing, orientation=6)
    assert apart(decode(data, 10**6), colours()) == 0


@pytest.mark.parametrize(("order", "packing"), EACH)
def test_each_page_is_moved_by_its_own_bits(order, packing, tmp_path):
    deep = colours().astype(np.uint16)
    path = tmp_path / "stack.tif"
    path.write_bytes(tiff([(deep << 4, RGB), (deep[::-1] << 6, RGB), (deep * 257, RGB)], order, packing))
    pages = [data for header, data in tiff_pages({"path": str(path), "max_pixels": 10**6}, b"") if "frame" in header]
    shown = [Image.open(io.BytesIO(data)) for data in pages]
    assert [apart(*both) for both in zip(shown, [colours(), colours()[::-1], colours()], strict=True)] == [0, 0, 0]
