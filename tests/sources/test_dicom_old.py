"""DICOM as old scanners and careless programs write it: headers with gaps, wrong words, films cut short."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from medsift.contracts import Candidate, Leaf, Missed
from medsift.sources import KINDS
from medsift.sources.dicom import DicomSource
from medsift.sources.folder import leaf_files
from tests.sources.dicom_parts import RAMP, dicom, extracted, pixels


@pytest.mark.parametrize(
    "lost",
    [("PhotometricInterpretation",), ("PhotometricInterpretation", "SamplesPerPixel"), ("PixelRepresentation",),
     ("BitsStored", "HighBit"), ("HighBit",)],
    ids=" ".join,
)  # fmt: skip
def test_what_an_old_header_leaves_out_is_taken_as_usual(tmp_path, tools, lost):
    whole = pixels(extracted(dicom(tmp_path, RAMP), tools)[0])
    poorer = dicom(tmp_path, RAMP, "poorer.dcm", lost=lost)
    assert (pixels(extracted(poorer, tools)[0]) == whole).all()


@pytest.mark.parametrize("said", ["monochrome2", "MONOCHROME 2", "GREY"])
def test_a_colour_space_that_is_none_of_the_standards_is_taken_as_usual(tmp_path, tools, said):
    path = dicom(tmp_path, RAMP, PhotometricInterpretation=said)
    (found,) = extracted(path, tools)
    assert (pixels(found) == pixels(extracted(dicom(tmp_path, RAMP, "usual.dcm"), tools)[0])).all()
    assert "PhotometricInterpretation" not in found.place.tags or said == "monochrome2"


COLOURS = np.stack([np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))] * 3, -1)
COLOURS[:, :32] = (200, 30, 30)


def coloured(folder: Path, data: bytes, name: str = "colours.dcm", **elements: object) -> Path:
    """Colours in 8 bits, frames of 32 rows and 64 columns."""
    usual = {"PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    return dicom(
        folder, np.zeros((32, 64), np.uint8), name, SamplesPerPixel=3, BitsAllocated=8, BitsStored=8, HighBit=7,
        PixelData=data, **{**usual, **elements},
    )  # fmt: skip


def halved(colours: np.ndarray) -> bytes:
    """As YBR_FULL_422 has it: two pixels share their colour."""
    ybr = np.asarray(Image.fromarray(colours).convert("YCbCr"))
    pairs = [ybr[:, 0::2, 0], ybr[:, 1::2, 0], ybr[:, 0::2, 1], ybr[:, 0::2, 2]]
    return np.stack(pairs, -1).tobytes()


def test_every_frame_of_a_film_in_halved_colours_is_that_frame(tmp_path, tools):
    frames = [np.roll(COLOURS, 8 * number, axis=1) for number in range(6)]
    data = b"".join(map(halved, frames))
    found = extracted(coloured(tmp_path, data, PhotometricInterpretation="YBR_FULL_422", NumberOfFrames=6), tools)
    assert [candidate.place.frame for candidate in found] == [1, 2, 3, 4, 5, 6]
    for candidate, frame in zip(found, frames, strict=True):
        assert np.abs(pixels(candidate).astype(int) - frame).max() <= 4


def test_colours_that_are_not_halved_as_the_header_says_are_read(tmp_path, tools):
    ybr = np.asarray(Image.fromarray(COLOURS).convert("YCbCr")).tobytes()
    (found,) = extracted(coloured(tmp_path, ybr, PhotometricInterpretation="YBR_FULL_422"), tools)
    assert np.abs(pixels(found).astype(int) - COLOURS).max() <= 4


def test_colours_without_a_word_on_their_order_are_taken_pixel_by_pixel(tmp_path, tools):
    (found,) = extracted(coloured(tmp_path, COLOURS.tobytes(), lost=["PlanarConfiguration"]), tools)
    assert (pixels(found) == COLOURS).all()


def test_of_a_film_cut_short_the_whole_frames_are_had(tmp_path, tools):
    path = dicom(tmp_path, np.stack([RAMP] * 4), PixelData=np.stack([RAMP] * 4).tobytes()[: int(RAMP.nbytes * 2.5)])
    found = extracted(path, tools)
    assert [type(item) for item in found] == [Candidate, Candidate, Missed, Missed]
    assert [item.place.frame for item in found] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["WindowCenter", "WindowWidth", "RescaleSlope"])
def test_a_number_that_is_none_is_passed_over(tmp_path, tools, name):
    bad = Dataset()
    bad.add_new(pydicom.datadict.tag_for_keyword(name), "LO", "about 400")
    path = dicom(tmp_path, RAMP, **{"WindowCenter": 2048, "WindowWidth": 4096, name: bad[name]})
    assert pixels(extracted(path, tools)[0]).std() > 50


def test_a_slope_of_nothing_does_not_wipe_the_picture_out(tmp_path, tools):
    path = dicom(tmp_path, RAMP, RescaleSlope=0, RescaleIntercept=-1024)
    assert pixels(extracted(path, tools)[0]).std() > 50


def test_padding_written_without_its_sign_is_padding(tmp_path, tools):
    stored = np.tile(np.linspace(0, 1000, 256).astype(np.int16), (32, 1))
    stored[:, :8] = -2000
    bad = Dataset()
    bad.add_new("PixelPaddingValue", "US", 65536 - 2000)
    path = dicom(tmp_path, stored, PixelPaddingValue=bad["PixelPaddingValue"])
    assert pixels(extracted(path, tools)[0])[:, 8:].std() > 60


@pytest.mark.parametrize("first", ["00080010", "00080020", "00080060"])
@pytest.mark.parametrize("is_implicit", [True, False])
def test_a_data_set_of_before_dicom_is_recognised_and_read(tmp_path, tools, first, is_implicit):
    dataset, buffer = Dataset(pydicom.dcmread(dicom(tmp_path, RAMP))), io.BytesIO()
    for tag in [element.tag for element in dataset if element.tag < int(first, 16)]:
        del dataset[tag]
    dataset.add_new(int(first, 16), "LO", "ACR-NEMA" if first == "00080010" else "CT")
    pydicom.dcmwrite(buffer, dataset, implicit_vr=is_implicit, little_endian=True)
    bare = tmp_path / "IM0001"
    bare.write_bytes(buffer.getvalue())
    assert DicomSource().recognises(str(bare), bare.read_bytes()[:4096])
    assert pixels(extracted(bare, tools)[0]).shape == RAMP.shape


@pytest.mark.parametrize("kind", [np.uint16, np.int16])
def test_pixels_in_the_upper_bits_of_their_words_are_read(tmp_path, tools, kind):
    stored = RAMP.astype(kind) - (2048 if kind is np.int16 else 0)
    plain, high = (
        dicom(
            tmp_path, values, BitsStored=12, HighBit=bit, WindowCenter=int(stored.mean()), WindowWidth=2000, name=name
        )
        for values, bit, name in ((stored, 11, "low.dcm"), (stored << 4, 15, "high.dcm"))
    )
    assert (pixels(extracted(high, tools)[0]) == pixels(extracted(plain, tools)[0])).all()


def test_a_data_set_without_preamble_or_ending_is_found_in_a_folder_and_in_an_archive(tmp_path, tools):
    dataset, bare = Dataset(pydicom.dcmread(dicom(tmp_path, RAMP, "a.txt"))), tmp_path / "scans" / "IM0001"
    bare.parent.mkdir()
    pydicom.dcmwrite(bare, dataset, implicit_vr=True, little_endian=True)
    (bare.parent / "notes").write_text("no picture")
    assert list(leaf_files(bare.parent, ["dcm"])) == [bare]
    archive = tmp_path / "scans.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(bare, "IM0001")
        file.writestr("notes", "no picture")
    (found,) = KINDS.get("archive")().extract(Leaf(str(archive), "archive", "", path=str(archive)), tools)
    assert pixels(found).shape == RAMP.shape
