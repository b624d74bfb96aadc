"""One PDF for each way in which a picture may stand in a file, with the pixels that its page shows."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pymupdf
from PIL import Image, ImageCms

from tests.sources.pdf_parts import BOX, DRAWN, GRAY8, RGB8, add, encoded, image, page, scene, with_image

SIZE = (96, 64)
ARRAY = scene()
WIDE = ARRAY.astype(np.int16)
GRAY = ARRAY[..., 1]
BITS = (GRAY > 100).astype(np.uint8)  # 1 is white
CMYK8 = "/ColorSpace/DeviceCMYK/BitsPerComponent 8"
BILEVEL = "/ColorSpace/DeviceGray/BitsPerComponent 1"
PALETTE = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)
INDEX = (np.arange(96 * 64) // 7 % 4).astype(np.uint8).reshape(64, 96)


@dataclass(frozen=True)
class Case:
    """`pixels` is what the page shows at `box`; `tolerance` the mean difference allowed between it and what is found.

    Wide tolerances are those of lossy coders and of inks, whose colour is the reader's choice within limits.
    """

    document: pymupdf.Document
    pixels: np.ndarray
    tolerance: float = 1.0
    box: tuple[float, float, float, float] = BOX


CASES: dict[str, Callable[[], Case]] = {}


def case(make: Callable[[], Case]) -> Callable[[], Case]:
    CASES[make.__name__.replace("_", " ")] = make
    return make


def three(gray: np.ndarray) -> np.ndarray:
    """Grey as red, green and blue."""
    return np.repeat(gray[..., None], 3, -1)


def over_white(array: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None].astype(np.float64) / 255
    return array * share + 255 * (1 - share)


def inked(cmyk: np.ndarray) -> np.ndarray:
    """The plain conversion of PDF 32000, 10.3.5; readers with colour profiles show it duller."""
    wide = cmyk.astype(np.int16)
    return np.clip(255 - wide[..., :3] - wide[..., 3:], 0, 255)


def cmyk_scene() -> np.ndarray:
    return np.asarray(Image.fromarray(ARRAY).convert("CMYK"))


def with_mask(mask: np.ndarray, extra: str = "", *, picture: np.ndarray = ARRAY) -> pymupdf.Document:
    """The picture under a soft mask of any size."""
    document = pymupdf.open()
    smask = image(document, (mask.shape[1], mask.shape[0]), GRAY8 + extra, mask.tobytes())
    xref = image(document, SIZE, f"{RGB8}/SMask {smask} 0 R", picture.tobytes())
    page(document, DRAWN, f"/XObject<</I {xref} 0 R>>")
    return document


def steps(width: int, height: int) -> np.ndarray:
    """A mask of four flat parts, the same at every size that 8 divides."""
    return np.kron(np.array([[255, 64], [128, 0]], np.uint8), np.ones((height // 2, width // 2), np.uint8))


@case
def soft_mask_of_the_same_size() -> Case:
    return Case(with_mask(steps(96, 64)), over_white(ARRAY, steps(96, 64)))


@case
def soft_mask_finer_than_its_picture() -> Case:
    mask = steps(192, 128)
    return Case(with_mask(mask), over_white(np.kron(ARRAY, np.ones((2, 2, 1), np.uint8)), mask), 3.0)


@case
def soft_mask_coarser_than_its_picture() -> Case:
    return Case(with_mask(steps(24, 16)), over_white(ARRAY, steps(96, 64)), 3.0)


@case
def soft_mask_of_another_shape() -> Case:
    return Case(with_mask(steps(160, 24)), over_white(ARRAY, steps(96, 64)), 4.0)


@case
def soft_mask_with_decode() -> Case:
    return Case(with_mask(steps(96, 64), "/Decode[1 0]"), over_white(ARRAY, 255 - steps(96, 64)))


@case
def soft_mask_with_matte() -> Case:
    mask = np.maximum(steps(96, 64), 32)
    blended = (ARRAY * (mask[..., None] / 255)).round().astype(np.uint8)  # on black, as Matte says
    return Case(with_mask(mask, "/Matte[0 0 0]", picture=blended), over_white(ARRAY, mask), 3.0)


@case
def stencil_mask_of_another_size() -> Case:
    document = pymupdf.open()
    hidden = np.kron(np.array([[0, 1], [1, 0]], np.uint8), np.ones((64, 96), np.uint8))
    head = "/ImageMask true/BitsPerComponent 1"
    mask = image(document, (192, 128), head, np.packbits(hidden, axis=1).tobytes())
    xref = image(document, SIZE, f"{RGB8}/Mask {mask} 0 R", ARRAY.tobytes())
    page(document, DRAWN, f"/XObject<</I {xref} 0 R>>")
    seen = np.where(hidden[::2, ::2, None] == 1, 255, ARRAY)
    return Case(document, np.kron(seen, np.ones((2, 2, 1), np.uint8)), 4.0)


@case
def soft_mask_of_the_graphics_state() -> Case:
    document = pymupdf.open()
    xref = image(document, SIZE, RGB8, ARRAY.tobytes())
    group = add(
        document,
        "/Type/XObject/Subtype/Form/BBox[0 0 300 400]/Group<</S/Transparency/CS/DeviceGray>>",
        b"1 g 50 172 96 128 re f",
    )
    state = f"/ExtGState<</G<</SMask<</S/Luminosity/G {group} 0 R>>>>>>"
    page(document, f"q /G gs {DRAWN[2:]}", f"/XObject<</I {xref} 0 R>>{state}")
    seen = ARRAY.copy()
    seen[:, 48:] = 255
    return Case(document, seen, 3.0)


@case
def colour_key() -> Case:
    extra = f"/ColorSpace[/Indexed/DeviceRGB 3<{PALETTE.tobytes().hex()}>]/BitsPerComponent 8/Mask[2 2]"
    seen = np.where((INDEX == 2)[..., None], 255, PALETTE[INDEX])
    return Case(with_image(SIZE, extra, INDEX.tobytes()), seen)


@case
def decode_of_grey() -> Case:
    return Case(with_image(SIZE, f"{GRAY8}/Decode[1 0]", GRAY.tobytes()), 255 - three(GRAY))


@case
def decode_of_one_colour() -> Case:
    expected = np.stack([255 - ARRAY[..., 0], ARRAY[..., 1], ARRAY[..., 2] // 2], -1)
    return Case(with_image(SIZE, f"{RGB8}/Decode[1 0 0 1 0 0.5]", ARRAY.tobytes()), expected, 1.5)


@case
def decode_of_a_palette() -> Case:
    extra = f"/ColorSpace[/Indexed/DeviceRGB 3<{PALETTE.tobytes().hex()}>]/BitsPerComponent 2/Decode[3 0]"
    return Case(with_image(SIZE, extra, packed(INDEX, 2)), PALETTE[3 - INDEX])


@case
def decode_of_one_bit() -> Case:
    data = np.packbits(BITS, axis=1).tobytes()
    return Case(with_image(SIZE, f"{BILEVEL}/Decode[1 0]", data), three(1 - BITS) * 255)


@case
def decode_of_a_cmyk_picture() -> Case:
    inks = cmyk_scene()
    return Case(with_image(SIZE, f"{CMYK8}/Decode[1 0 1 0 1 0 1 0]", (255 - inks).tobytes()), inked(inks), 40)


@case
def cmyk() -> Case:
    inks = cmyk_scene()
    return Case(with_image(SIZE, CMYK8, inks.tobytes()), inked(inks), 40)


def cmyk_jpeg(array: np.ndarray) -> bytes:
    """A CMYK JPEG as Adobe's programs write it: marked by APP14, every ink inverted."""
    out = io.BytesIO()
    Image.fromarray(array, "CMYK").save(out, "JPEG", quality=95)
    assert b"Adobe" in out.getvalue()
    return out.getvalue()


@case
def inverted_jpeg_of_adobe() -> Case:
    inks = cmyk_scene()
    extra = f"{CMYK8}/Filter/DCTDecode/Decode[1 0 1 0 1 0 1 0]"
    return Case(with_image(SIZE, extra, cmyk_jpeg(inks), packed=False), inked(inks), 40)


@case
def cmyk_jpeg_with_inks_as_they_are() -> Case:
    inks = cmyk_scene()
    extra = f"{CMYK8}/Filter/DCTDecode"
    return Case(with_image(SIZE, extra, cmyk_jpeg(255 - inks), packed=False), inked(inks), 40)


@case
def cmyk_jpeg_without_the_mark_of_adobe() -> Case:
    inks = cmyk_scene()
    data = cmyk_jpeg(255 - inks)
    start = data.index(b"\xff\xee")
    data = data[:start] + data[start + 2 + struct.unpack(">H", data[start + 2 : start + 4])[0] :]
    return Case(with_image(SIZE, f"{CMYK8}/Filter/DCTDecode", data, packed=False), inked(inks), 40)


@case
def indexed_8_bit() -> Case:
    extra = f"/ColorSpace[/Indexed/DeviceRGB 3<{PALETTE.tobytes().hex()}>]/BitsPerComponent 8"
    return Case(with_image(SIZE, extra, INDEX.tobytes()), PALETTE[INDEX])


@case
def indexed_4_bit() -> Case:
    extra = f"/ColorSpace[/Indexed/DeviceRGB 3<{PALETTE.tobytes().hex()}>]/BitsPerComponent 4"
    return Case(with_image(SIZE, extra, packed(INDEX, 4)), PALETTE[INDEX])


@case
def indexed_cmyk() -> Case:
    inks = np.array([[0, 255, 255, 0], [255, 0, 255, 0], [0, 0, 0, 255], [0, 0, 0, 0]], np.uint8)
    extra = f"/ColorSpace[/Indexed/DeviceCMYK 3<{inks.tobytes().hex()}>]/BitsPerComponent 8"
    return Case(with_image(SIZE, extra, INDEX.tobytes()), inked(inks[INDEX]), 40)


def tinted(function: bytes, names: str, inputs: int, base: str, outputs: int, data: np.ndarray) -> pymupdf.Document:
    document = pymupdf.open()
    domain, span = "0 1 " * inputs, "0 1 " * outputs
    tint = add(document, f"/FunctionType 4/Domain[{domain}]/Range[{span}]", function, packed=False)
    space = f"/ColorSpace[{names}{base} {tint} 0 R]/BitsPerComponent 8"
    xref = image(document, SIZE, space, np.ascontiguousarray(data).tobytes())
    page(document, DRAWN, f"/XObject<</I {xref} 0 R>>")
    return document


@case
def separation() -> Case:
    document = tinted(b"{ 1 exch sub dup dup }", "/Separation/Spot", 1, "/DeviceRGB", 3, GRAY)
    return Case(document, 255 - three(GRAY), 1.5)


@case
def device_n() -> Case:
    document = tinted(b"{ 1 exch sub exch 1 exch sub exch dup }", "/DeviceN[/A/B]", 2, "/DeviceRGB", 3, ARRAY[..., :2])
    return Case(document, (255 - WIDE)[..., [0, 1, 1]], 2)


@case
def lab() -> Case:
    values = np.asarray(ImageCms.applyTransform(Image.fromarray(ARRAY), _to_lab()))
    data = values.copy()
    data[..., 1:] = values[..., 1:].view(np.int8).astype(np.int16) + 128
    space = "/ColorSpace[/Lab<</WhitePoint[0.9642 1 0.8249]/Range[-128 127 -128 127]>>]/BitsPerComponent 8"
    return Case(with_image(SIZE, space, data.tobytes()), ARRAY, 6)


def _to_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")


@case
def calibrated_rgb() -> Case:
    space = (
        "/ColorSpace[/CalRGB<</WhitePoint[0.9505 1 1.089]/Gamma[2.2 2.2 2.2]"
        "/Matrix[0.4124 0.2126 0.0193 0.3576 0.7152 0.1192 0.1805 0.0722 0.9505]>>]/BitsPerComponent 8"
    )
    return Case(with_image(SIZE, space, ARRAY.tobytes()), ARRAY, 4)


def icc(document: pymupdf.Document) -> int:
    """A profile whose first channel is blue and whose third is red: whoever ignores it swaps the two."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    return add(document, "/N 3/Alternate/DeviceRGB", swapped)


@case
def icc_profile() -> Case:
    document = pymupdf.open()
    extra = f"/ColorSpace[/ICCBased {icc(document)} 0 R]/BitsPerComponent 8"
    xref = image(document, SIZE, extra, ARRAY.tobytes())
    page(document, DRAWN, f"/XObject<</I {xref} 0 R>>")
    return Case(document, ARRAY[..., ::-1], 3)


@case
def jpeg_under_an_icc_profile() -> Case:
    document = pymupdf.open()
    extra = f"/ColorSpace[/ICCBased {icc(document)} 0 R]/BitsPerComponent 8/Filter/DCTDecode"
    xref = image(document, SIZE, extra, encoded(ARRAY, "JPEG", quality=95, subsampling=0), packed=False)
    page(document, DRAWN, f"/XObject<</I {xref} 0 R>>")
    return Case(document, ARRAY[..., ::-1], 5)


@case
def grey_16_bit() -> Case:
    data = (GRAY.astype(">u2") * 257).tobytes()
    return Case(with_image(SIZE, "/ColorSpace/DeviceGray/BitsPerComponent 16", data), three(GRAY))


@case
def rgb_16_bit() -> Case:
    data = (ARRAY.astype(">u2") * 257).tobytes()
    return Case(with_image(SIZE, "/ColorSpace/DeviceRGB/BitsPerComponent 16", data), ARRAY)


def packed(values: np.ndarray, depth: int) -> bytes:
    """Values of `depth` bits side by side, rows filled up to bytes."""
    bits = np.unpackbits(values[..., None], axis=-1)[..., 8 - depth :]
    return np.packbits(bits.reshape(values.shape[0], -1), axis=1).tobytes()


@case
def grey_2_bit() -> Case:
    return Case(with_image(SIZE, "/ColorSpace/DeviceGray/BitsPerComponent 2", packed(INDEX, 2)), three(INDEX) * 85)


def fax(compression: str) -> bytes:
    """The bits as fax data, in which white is what is not coded as black."""
    out = io.BytesIO()
    Image.fromarray(255 - BITS * 255).convert("1").save(out, "TIFF", compression=compression, tiffinfo={278: 64})
    with Image.open(out) as tiff:
        start, size = tiff.tag_v2[273][0], tiff.tag_v2[279][0]
    return out.getvalue()[start : start + size]


def fax_picture(parameters: str, data: bytes) -> Case:
    extra = f"{BILEVEL}/Filter/CCITTFaxDecode/DecodeParms<</Columns 96/Rows 64{parameters}>>"
    return Case(with_image(SIZE, extra, data, packed=False), three(BITS) * 255)


@case
def ccitt_group_4() -> Case:
    return fax_picture("/K -1", fax("group4"))


@case
def ccitt_group_3() -> Case:
    return fax_picture("/K 0", fax("group3"))


@case
def ccitt_with_black_as_1() -> Case:
    found = fax_picture("/K -1/BlackIs1 true", fax("group4"))
    return Case(found.document, three(1 - BITS) * 255)


@case
def jbig2() -> Case:
    """A page and one generic region coded as fax group 4 (ITU-T T.88, 7.4)."""

    def segment(number: int, kind: int, data: bytes) -> bytes:
        return struct.pack(">IBBBI", number, kind, 0, 1, len(data)) + data

    area = struct.pack(">IIIIB", 96, 64, 0, 0, 0)
    data = segment(0, 48, struct.pack(">IIIIBH", 96, 64, 0, 0, 0, 0)) + segment(1, 38, area + b"\1" + fax("group4"))
    return Case(with_image(SIZE, f"{BILEVEL}/Filter/JBIG2Decode", data, packed=False), three(BITS) * 255)


@case
def jpx() -> Case:
    data = encoded(ARRAY, "JPEG2000")
    return Case(with_image(SIZE, "/Filter/JPXDecode", data, packed=False), ARRAY)


@case
def jpx_grey_under_a_decode() -> Case:
    data = encoded(GRAY, "JPEG2000")
    return Case(with_image(SIZE, f"{GRAY8}/Decode[1 0]/Filter/JPXDecode", data, packed=False), 255 - three(GRAY))


@case
def jpx_with_its_mask_inside() -> Case:
    mask = steps(96, 64)
    data = encoded(np.concatenate([ARRAY, mask[..., None]], -1), "JPEG2000")
    document = with_image(SIZE, "/SMaskInData 1/Filter/JPXDecode", data, packed=False)
    return Case(document, over_white(ARRAY, mask), 2)


@case
def jpeg_of_a_jpeg_stream_packed_again() -> Case:
    data = zlib.compress(encoded(ARRAY, "JPEG", quality=95, subsampling=0))
    return Case(with_image(SIZE, f"{RGB8}/Filter[/FlateDecode/DCTDecode]", data, packed=False), ARRAY, 4)


@case
def grey_jpeg() -> Case:
    data = encoded(GRAY, "JPEG", quality=95)
    return Case(with_image(SIZE, f"{GRAY8}/Filter/DCTDecode", data, packed=False), three(GRAY), 3)


@case
def png_predictor() -> Case:
    rows = np.concatenate([np.full((64, 1), 2), np.diff(ARRAY.reshape(64, -1).astype(np.int16), axis=0, prepend=0)], 1)
    parameters = "/DecodeParms<</Predictor 15/Colors 3/Columns 96>>"
    data = zlib.compress(rows.astype(np.uint8).tobytes())
    return Case(with_image(SIZE, f"{RGB8}/Filter/FlateDecode{parameters}", data, packed=False), ARRAY)


@case
def run_lengths_in_hex() -> Case:
    rows = GRAY.reshape(-1, 96).astype(np.uint8)
    data = b"".join(bytes([95]) + row.tobytes() for row in rows) + b"\x80"
    extra = f"{GRAY8}/Filter[/ASCIIHexDecode/RunLengthDecode]"
    return Case(with_image(SIZE, extra, data.hex().encode() + b">", packed=False), three(GRAY))


def inline(head: str, data: bytes) -> pymupdf.Document:
    document = pymupdf.open()
    page(document, f"q 192 0 0 128 50 172 cm BI /W 96 /H 64 {head} ID {data.hex().upper()}> EI Q")
    return document


@case
def inline_picture() -> Case:
    return Case(inline("/CS /RGB /BPC 8 /F /AHx", ARRAY.tobytes()), ARRAY)


@case
def inline_jpeg() -> Case:
    data = encoded(ARRAY, "JPEG", quality=95, subsampling=0)
    return Case(inline("/CS /RGB /BPC 8 /F [/AHx /DCT]", data), ARRAY, 4)


@case
def inline_palette() -> Case:
    space = f"/CS [/I /RGB 3 <{PALETTE.tobytes().hex()}>]"
    return Case(inline(f"{space} /BPC 8 /F /AHx", INDEX.tobytes()), PALETTE[INDEX])


def stencil(extra: str, paint: str, resources: str = "") -> pymupdf.Document:
    """A stencil that paints where BITS is 0."""
    document = pymupdf.open()
    data = np.packbits(BITS, axis=1).tobytes()
    xref = image(document, SIZE, f"/ImageMask true/BitsPerComponent 1{extra}", data)
    page(document, f"q {paint} {DRAWN[2:]}", f"/XObject<</I {xref} 0 R>>{resources}")
    return document


@case
def stencil_in_a_colour() -> Case:
    return Case(stencil("", "0 0.5 1 rg"), np.where(BITS[..., None] == 0, (0, 128, 255), 255))


@case
def stencil_the_other_way_round() -> Case:
    return Case(stencil("/Decode[1 0]", "1 0 0 rg"), np.where(BITS[..., None] == 1, (255, 0, 0), 255))


@case
def stencil_filled_with_a_gradient() -> Case:
    function = "<</FunctionType 2/Domain[0 1]/C0[1 0 0]/C1[0 0 1]/N 1>>"
    shading = f"<</ShadingType 2/ColorSpace/DeviceRGB/Coords[50 0 242 0]/Function{function}/Extend[true true]>>"
    pattern = f"/Pattern<</P<</PatternType 2/Shading{shading}>>>>"
    document = stencil("", "/Pattern cs /P scn", pattern)
    ramp = (np.arange(96) + 0.5) / 96 * 255
    seen = np.where(BITS[..., None] == 0, np.stack([255 - ramp, 0 * ramp, ramp], -1)[None], 255)
    return Case(document, seen, 4)


def form(document: pymupdf.Document, extra: str, content: str, resources: str) -> int:
    return add(document, f"/Type/XObject/Subtype/Form{extra}/Resources<<{resources}>>", content.encode())


@case
def form_in_a_form() -> Case:
    document = pymupdf.open()
    xref = image(document, SIZE, RGB8, ARRAY.tobytes())
    inner = form(document, "/BBox[0 0 1 1]/Matrix[96 0 0 64 0 0]", "/I Do", f"/XObject<</I {xref} 0 R>>")
    outer = form(document, "/BBox[0 0 300 400]", "q 2 0 0 2 0 0 cm /F Do Q", f"/XObject<</F {inner} 0 R>>")
    page(document, "q 1 0 0 1 50 172 cm /G Do Q", f"/XObject<</G {outer} 0 R>>")
    return Case(document, ARRAY)


@case
def see_through_group() -> Case:
    document = pymupdf.open()
    xref = image(document, SIZE, RGB8, ARRAY.tobytes())
    group = form(document, "/BBox[0 0 300 400]/Group<</S/Transparency>>", DRAWN, f"/XObject<</I {xref} 0 R>>")
    page(document, "/G gs /F Do", f"/XObject<</F {group} 0 R>>/ExtGState<</G<</ca 0.5>>>>")
    return Case(document, (WIDE + 255) // 2, 2)


@case
def see_through_picture() -> Case:
    document = pymupdf.open()
    xref = image(document, SIZE, RGB8, ARRAY.tobytes())
    page(document, f"q /G gs {DRAWN[2:]}", f"/XObject<</I {xref} 0 R>>/ExtGState<</G<</ca 0.25>>>>")
    return Case(document, 255 - (255 - WIDE) // 4, 2)


@case
def picture_multiplied_with_what_lies_below() -> Case:
    document = pymupdf.open()
    xref = image(document, SIZE, RGB8, ARRAY.tobytes())
    content = f"1 1 0 rg 0 0 300 400 re f q /G gs {DRAWN[2:]}"
    page(document, content, f"/XObject<</I {xref} 0 R>>/ExtGState<</G<</BM/Multiply>>>>")
    return Case(document, WIDE * (1, 1, 0), 3)


@case
def tiling_pattern() -> Case:
    document = pymupdf.open()
    xref = image(document, SIZE, RGB8, ARRAY.tobytes())
    pattern = add(
        document,
        "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 192 128]/XStep 192/YStep 128"
        f"/Matrix[1 0 0 1 50 44]/Resources<</XObject<</I {xref} 0 R>>>>",
        b"q 192 0 0 128 0 0 cm /I Do Q",
    )
    page(document, "/Pattern cs /P scn 50 172 192 128 re f", f"/Pattern<</P {pattern} 0 R>>")
    return Case(document, ARRAY)


def type_3(content: bytes, resources: str, document: pymupdf.Document) -> pymupdf.Document:
    glyph = add(document, "", content)
    font = add(
        document,
        "/Type/Font/Subtype/Type3/FontBBox[0 0 1000 1000]/FontMatrix[0.001 0 0 0.001 0 0]/FirstChar 97/LastChar 97"
        f"/Widths[1000]/Encoding<</Differences[97/a]>>/CharProcs<</a {glyph} 0 R>>/Resources<<{resources}>>",
        b"",
    )
    page(document, "1 0 0 rg BT /T 200 Tf 50 172 Td (a) Tj ET", f"/Font<</T {font} 0 R>>")
    return document


@case
def type_3_glyph() -> Case:
    document = pymupdf.open()
    xref = image(document, SIZE, RGB8, ARRAY.tobytes())
    glyph = b"1000 0 d0 q 960 0 0 640 0 0 cm /I Do Q"
    return Case(type_3(glyph, f"/XObject<</I {xref} 0 R>>", document), ARRAY)


@case
def stencil_in_a_type_3_glyph() -> Case:
    data = np.packbits(BITS, axis=1).tobytes().hex().encode()
    glyph = b"1000 0 0 0 960 640 d1 q 960 0 0 640 0 0 cm BI /W 96 /H 64 /IM true /BPC 1 /F /AHx ID " + data + b"> EI Q"
    return Case(type_3(glyph, "", pymupdf.open()), np.where(BITS[..., None] == 0, (255, 0, 0), 255))


@case
def stamp() -> Case:
    """A picture in the appearance of an annotation."""
    document = pymupdf.open()
    xref = image(document, SIZE, RGB8, ARRAY.tobytes())
    look = form(document, "/BBox[0 0 192 128]", "192 0 0 128 0 0 cm /I Do", f"/XObject<</I {xref} 0 R>>")
    page(document, "")
    note = document.get_new_xref()
    document.update_object(note, f"<</Type/Annot/Subtype/Stamp/F 4/Rect[50 172 242 300]/AP<</N {look} 0 R>>>>")
    document.xref_set_key(document[0].xref, "Annots", f"[{note} 0 R]")
    return Case(document, ARRAY)


def _rotated(turn: int) -> Case:
    document = with_image(SIZE, RGB8, ARRAY.tobytes())
    document[0].set_rotation(turn)
    boxes = {90: (172, 50, 300, 242), 180: (58, 172, 250, 300), 270: (100, 58, 228, 250)}
    return Case(document, np.rot90(ARRAY, -turn // 90), box=boxes[turn])


@case
def page_rotated_by_90() -> Case:
    return _rotated(90)


@case
def page_rotated_by_180() -> Case:
    return _rotated(180)


@case
def page_rotated_by_270() -> Case:
    return _rotated(270)


@case
def jpeg_on_a_rotated_page() -> Case:
    data = encoded(ARRAY, "JPEG", quality=95, subsampling=0)
    document = with_image(SIZE, RGB8 + "/Filter/DCTDecode", data, packed=False)
    document[0].set_rotation(90)
    return Case(document, np.rot90(ARRAY, -1), 4, box=(172, 50, 300, 242))


@case
def picture_set_askew() -> Case:
    document = pymupdf.open()
    gray = np.full((64, 96), 60, np.uint8)
    xref = image(document, SIZE, GRAY8, gray.tobytes())
    page(document, "q 90 90 -60 60 110 150 cm /I Do Q", f"/XObject<</I {xref} 0 R>>")
    y, x = np.mgrid[0:300, 0:300] / 2 + 0.25
    along, across = (x - 60 + (150 - y)) / 2, ((150 - y) - (x - 60)) / 2
    inside = (along >= 0) & (along < 90) & (across >= 0) & (across < 60)
    return Case(document, three(np.where(inside, 60, 255)), 6, box=(50, 100, 200, 250))


@case
def hidden_layer_under_a_picture() -> Case:
    """A layer that is switched off does not show: only the other picture is there."""
    document = pymupdf.open()
    off = document.add_ocg("off", on=False)
    hidden = image(document, SIZE, RGB8 + f"/OC {off} 0 R", scene(seed=9)[::-1].tobytes())
    xref = image(document, SIZE, RGB8, ARRAY.tobytes())
    page(document, f"q 40 0 0 40 0 0 cm /H Do Q {DRAWN}", f"/XObject<</I {xref} 0 R/H {hidden} 0 R>>")
    return Case(document, ARRAY)
