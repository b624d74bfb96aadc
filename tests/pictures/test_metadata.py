"""What is kept of a picture file shows the same and says nothing of who took it where."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, PngImagePlugin, TiffImagePlugin

from medsift.errors import PictureError
from medsift.pictures.decode import FORMATS, decode, open_picture, orientation
from medsift.pictures.metadata import without_metadata
from medsift.pictures.preparing import Job, Rules, prepare_all

SECRET = "ZQ52.5163N-Jane"
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><p>{SECRET}</p></x:xmpmeta>'.encode()
NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
IN_EXIF = ("JPEG", "PNG", "WEBP", "TIFF", "JPEG2000")


def exif(turn: int = 1) -> Image.Exif:
    said = Image.Exif()
    said[ExifTags.Base.Artist] = SECRET
    said[ExifTags.Base.Orientation] = turn
    said.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = SECRET.encode()
    said.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.5)
    said.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = SECRET.encode()
    return said


def encoded(format_name: str, turn: int = 1, image: Image.Image | None = None) -> bytes:
    """A picture that tells in every way its format has."""
    buffer, image = io.BytesIO(), image or Image.fromarray(NOISE)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, object] = {"icc_profile": profile, "exif": exif(turn)}
    if format_name == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("Author", SECRET)
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=False)
    elif format_name == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[270], tags[315], tags[700], tags[65000] = SECRET, SECRET, XMP, SECRET
        for tag, value in exif(turn).items():
            tags[tag] = value
        options |= {"tiffinfo": tags}
    elif format_name == "JPEG2000":
        options = {}
    elif format_name in ("JPEG", "WEBP", "GIF", "BMP"):
        options |= {"xmp": XMP, "comment": SECRET.encode()}
    if format_name in ("GIF", "BMP"):
        options.pop("exif")
    image.save(buffer, format_name, **options)
    data = buffer.getvalue()
    if format_name == "JPEG2000":
        data += struct.pack(">I4s", 8 + len(XMP), b"xml ") + XMP
    return data


def stripped(data: bytes) -> bytes:
    opened = open_picture(data, 10**6)
    return without_metadata(data, str(opened.format), orientation(opened))


def shown(data: bytes) -> np.ndarray:
    return np.asarray(decode(data, 10**6))


@pytest.mark.parametrize("format_name", [name for name in FORMATS if name not in ("BMP", "AVIF")])
def test_nothing_is_said_any_more_and_not_a_pixel_changes(format_name):
    data = encoded(format_name)
    assert SECRET.encode() in data
    bare = stripped(data)
    assert SECRET.encode() not in bare
    assert b"xmpmeta" not in bare
    assert (shown(bare) == shown(data)).all()
    assert stripped(bare) == bare
    assert len(bare) <= len(data)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_that_lies_on_its_side_is_still_shown_upright(format_name, turn):
    data = encoded(format_name, turn)
    bare = stripped(data)
    assert SECRET.encode() not in bare
    assert (shown(bare) == shown(data)).all()


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
def test_the_colour_profile_stays(format_name):
    data = encoded(format_name)
    before, after = (Image.open(io.BytesIO(one)).info.get("icc_profile") for one in (data, stripped(data)))
    assert before == after


@pytest.mark.parametrize("format_name", [name for name in FORMATS if name != "AVIF"])
def test_a_file_that_says_nothing_keeps_its_very_bytes(format_name):
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, format_name)
    bare = stripped(buffer.getvalue())
    if format_name != "TIFF":  # Pillow names itself in a tag there
        assert bare == buffer.getvalue()
    assert (shown(bare) == NOISE).all() or format_name in ("JPEG", "WEBP", "JPEG2000", "GIF")


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 2, "restart_marker_rows": 1}, {}])
def test_a_jpeg_of_any_build_keeps_its_scans_and_loses_what_follows_its_end(options):
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, "JPEG", comment=SECRET.encode(), **options)
    data = buffer.getvalue()
    bare = stripped(data + f"a video, or another picture, of {SECRET}".encode())
    assert SECRET.encode() not in bare
    assert (shown(bare) == shown(data)).all()


def with_more(format_name: str) -> bytes:
    """A picture that tells in a way no program of ours writes."""
    buffer, told = io.BytesIO(), SECRET.encode().ljust(30, b"!")
    Image.fromarray(NOISE).save(buffer, format_name)
    data = buffer.getvalue()
    if format_name == "JPEG":  # a thumbnail within JFIF: 10 pixels of 3 bytes
        return data[:4] + struct.pack(">H", 16 + 30) + data[6:18] + bytes([10, 1]) + told + data[20:]
    if format_name == "PNG":  # a critical chunk that nobody knows
        chunk = b"TOLD" + told
        return data[:33] + struct.pack(">I", 30) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    if format_name == "WEBP":
        return data[:4] + struct.pack("<I", len(data) - 8 + 38) + data[8:] + b"C2PA" + struct.pack("<I", 30) + told
    if format_name == "JPEG2000":
        return data + struct.pack(">I4s", 38, b"jumb") + told
    return data + told


@pytest.mark.parametrize("format_name", ["JPEG", "WEBP", "JPEG2000", "BMP"])
def test_what_no_viewer_needs_is_left_out_whoever_put_it_there(format_name):
    data = with_more(format_name)
    assert SECRET.encode() in data
    bare = stripped(data)
    assert SECRET.encode() not in bare
    assert (shown(bare) == shown(data)).all()
    assert stripped(bare) == bare


@pytest.mark.parametrize("tag", [330, 333, 337])
def test_of_a_tiff_neither_further_pictures_within_nor_names_of_inks_are_kept(workers, tmp_path, tag):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[tag] = 8 if tag == 330 else SECRET
    tags.tagtype[tag] = 4 if tag == 330 else 2
    Image.fromarray(NOISE).save(tmp_path / "a.tif", "TIFF", tiffinfo=tags)
    (prepared,) = prepare_all(workers, [Job(tmp_path / "a.tif", False, 16)], Rules(40, 10**6))
    assert (prepared.state, prepared.extension) == ("kept", "png" if tag == 330 else "tif")
    assert SECRET.encode() not in prepared.stored
    assert (shown(prepared.stored) == NOISE).all()


def test_a_chunk_of_a_png_that_is_called_needed_and_that_nobody_knows_is_left_out():
    assert SECRET.encode() not in without_metadata(with_more("PNG"), "PNG", 1)


def test_a_cmyk_jpeg_keeps_what_says_that_it_is_inverted():
    buffer = io.BytesIO()
    Image.fromarray(NOISE).convert("CMYK").save(buffer, "JPEG", exif=exif())
    assert (shown(stripped(buffer.getvalue())) == shown(buffer.getvalue())).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGBA", "CMYK", "LAB"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_of_any_mode_and_compression_shows_the_same(mode, compression):
    image = Image.fromarray(NOISE[..., 0].astype(np.uint16) * 200) if mode == "I;16" else Image.fromarray(NOISE)
    image = image if mode in ("I;16", "LAB") else image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", compression=compression, description=SECRET, big_tiff=mode == "L")
    bare = stripped(buffer.getvalue())
    assert SECRET.encode() not in bare
    assert (shown(bare) == shown(buffer.getvalue())).all()


def test_an_animation_keeps_its_frames():
    buffer = io.BytesIO()
    frames = [Image.fromarray(np.roll(NOISE, step)) for step in range(3)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], comment=SECRET.encode(), loop=0)
    bare = stripped(buffer.getvalue())
    assert SECRET.encode() not in bare
    assert Image.open(io.BytesIO(bare)).n_frames == 3


@pytest.mark.parametrize("frames", [1, 3])
def test_of_an_avif_only_the_pixels_of_its_first_picture_are_kept(workers, tmp_path, frames):
    path = tmp_path / "a.avif"
    if frames == 1:
        path.write_bytes(encoded("AVIF", 6))
    else:
        steps = [Image.fromarray(np.roll(NOISE, step)) for step in range(frames)]
        steps[0].save(path, save_all=True, append_images=steps[1:], exif=exif())
    assert SECRET.encode() in path.read_bytes()
    (prepared,) = prepare_all(workers, [Job(path, False, 16)], Rules(40, 10**6))
    assert (prepared.state, prepared.extension) == ("kept", "png")
    assert (shown(prepared.stored) == shown(path.read_bytes())).all()
    assert Image.open(io.BytesIO(prepared.stored)).info == {}
    assert SECRET.encode() not in prepared.stored


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6))
def test_a_damaged_file_never_raises_anything_else(format_name, changes):
    data = bytearray(encoded(format_name))
    for position, value in changes:
        data[position % len(data)] = value
    try:
        opened = open_picture(bytes(data), 10**6)
        without_metadata(bytes(data), str(opened.format), orientation(opened))
    except (PictureError, ValueError):
        pass


def test_what_is_stored_says_nothing_while_the_picture_is_known_by_the_file_as_found(workers, tmp_path):
    import hashlib

    path = tmp_path / "a.jpg"
    path.write_bytes(encoded("JPEG", 6))
    (prepared,) = prepare_all(workers, [Job(path, False, 16)], Rules(40, 10**6))
    assert prepared.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (prepared.width, prepared.height, prepared.extension) == (40, 60, "jpg")
    assert SECRET.encode() not in prepared.stored
    assert (shown(prepared.stored) == shown(path.read_bytes())).all()
