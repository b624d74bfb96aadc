import io
import json
import string
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from medsift.contracts import Candidate, Missed
from medsift.errors import EmptySourceError, SandboxError, SourceError
from medsift.sandbox import Item, Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import Tools
from medsift.sources._dicom.choice import chosen_frames
from medsift.sources.dicom import DicomSource, person_groups
from medsift.sources.http import Door
from tests.sources.dicom_parts import RAMP, dicom, extracted, pixels

FILES = Path(pydicom.__file__).parent / "data" / "test_files"


@pytest.fixture(scope="module")
def tools():
    values = Settings()
    with Sandbox(Limits(timeout_s=30)) as sandbox:
        yield Tools(values, sandbox, Door(values))


@pytest.mark.parametrize(
    ("name", "frames", "mode"),
    [
        ("CT_small.dcm", 1, "L"),
        ("MR_small.dcm", 1, "L"),
        ("MR_small_bigendian.dcm", 1, "L"),
        ("MR_small_implicit.dcm", 1, "L"),
        ("MR_small_RLE.dcm", 1, "L"),
        ("MR_small_jp2klossless.dcm", 1, "L"),
        ("MR_small_jpeg_ls_lossless.dcm", 1, "L"),
        ("JPEG2000.dcm", 1, "L"),
        ("JPGExtended.dcm", 1, "L"),
        ("J2K_pixelrep_mismatch.dcm", 1, "L"),
        ("rtdose.dcm", 15, "L"),
        ("liver_1frame.dcm", 1, "L"),
        ("examples_palette.dcm", 1, "RGB"),
        ("examples_rgb_color.dcm", 1, "RGB"),
        ("examples_ybr_color.dcm", 30, "RGB"),
        ("SC_rgb_rle_16bit_2frame.dcm", 2, "RGB"),
        ("SC_ybr_full_422_uncompressed.dcm", 1, "RGB"),
    ],
)
def test_every_frame_of_a_file_is_a_picture(tools, name, frames, mode):
    found = extracted(FILES / name, tools)
    assert [candidate.place.frame for candidate in found] == list(range(1, frames + 1))
    assert all(candidate.is_rebuilt and Image.open(io.BytesIO(candidate.data)).mode == mode for candidate in found)
    assert DicomSource().recognises(name, (FILES / name).read_bytes()[:4096])


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm",
                                  "MR_small_expb.dcm", "MR_small_jp2klossless.dcm"])  # fmt: skip
def test_a_picture_does_not_depend_on_how_it_is_encoded(tools, name):
    plain, other = (pixels(extracted(FILES / file, tools)[0]) for file in ("MR_small.dcm", name))
    assert np.abs(plain.astype(int) - other).max() <= 1


@pytest.mark.parametrize(
    "name",
    ["SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_dcmtk_+eb+cy+s2.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle.dcm",
     "SC_rgb_rle_16bit.dcm", "SC_rgb_rle_32bit.dcm", "SC_ybr_full_422_uncompressed.dcm"],
)  # fmt: skip
def test_colours_are_right_in_every_colour_space(tools, name):
    shown = pixels(extracted(FILES / name, tools)[0]).astype(int)
    for row, colour in ((5, (255, 0, 0)), (25, (0, 255, 0)), (45, (0, 0, 255)), (65, (0, 0, 0)), (95, (255,) * 3)):
        assert np.abs(shown[row, 50] - colour).max() <= 6


def test_the_window_of_the_file_is_applied(tmp_path, tools):
    path = dicom(tmp_path, RAMP, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400)
    shown = pixels(extracted(path, tools)[0])[0]
    hounsfield = RAMP[0].astype(int) - 1024
    assert (shown[hounsfield < -160] == 0).all()
    assert (shown[hounsfield > 240] == 255).all()
    assert abs(int(shown[np.abs(hounsfield - 40).argmin()]) - 128) <= 5


def test_without_a_window_the_values_fill_the_range(tmp_path, tools):
    shown = pixels(extracted(dicom(tmp_path, RAMP), tools)[0])
    assert (shown.min(), shown.max()) == (0, 255)


def test_a_window_that_shows_nothing_is_not_believed(tmp_path, tools):
    path = dicom(tmp_path, RAMP, WindowCenter=60000, WindowWidth=10)
    assert pixels(extracted(path, tools)[0]).std() > 50


def test_padding_does_not_widen_the_window(tmp_path, tools):
    stored = np.tile(np.linspace(0, 1000, 256).astype(np.int16), (32, 1))
    stored[:, :8] = -30000
    path = dicom(tmp_path, stored, PixelPaddingValue=-30000)
    assert pixels(extracted(path, tools)[0])[:, 8:].std() > 60


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("window", [{}, {"WindowCenter": 500, "WindowWidth": 1000}])
@pytest.mark.parametrize(("padded", "elements"), [(0, {}), (3000, {}), (3050, {"PixelPaddingRangeLimit": 3100})])
def test_padding_is_black_at_whichever_end_of_the_greys_it_lies(tmp_path, tools, photometric, window, padded, elements):
    stored = np.tile(np.linspace(100, 1000, 256).astype(np.int16), (32, 1))
    stored[:, :8] = padded
    padding = {"PixelPaddingValue": min(padded, 3000), "PhotometricInterpretation": photometric}
    path = dicom(tmp_path, stored, **padding, **window, **elements)
    shown = pixels(extracted(path, tools)[0])
    assert (shown[:, :8] == 0).all()
    assert shown[:, 8:].std() > 60


def test_a_frame_of_nothing_but_padding_is_shown_as_it_is(tmp_path, tools):
    stored = np.full((32, 256), 700, dtype=np.int16)
    stored[:, 128:] = 300
    path = dicom(tmp_path, stored, PixelPaddingValue=0, PixelPaddingRangeLimit=1000)
    assert pixels(extracted(path, tools)[0]).std() > 60


def test_monochrome1_is_inverted_exactly_once(tmp_path, tools):
    for elements in ({}, {"WindowCenter": 2048, "WindowWidth": 4096}):
        plain = dicom(tmp_path, RAMP, **elements)
        inverted = dicom(tmp_path, RAMP, "inverted.dcm", PhotometricInterpretation="MONOCHROME1",
                         PresentationLUTShape="INVERSE", **elements)  # fmt: skip
        first, second = (pixels(extracted(path, tools)[0]).astype(int) for path in (plain, inverted))
        assert (first + second == 255).all()
        assert first[0, 0] == 0


def test_a_voi_table_is_applied(tmp_path, tools):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 8])
    item.add_new("LUTData", "US", [255 if entry > 2000 else 0 for entry in range(4096)])
    shown = pixels(extracted(dicom(tmp_path, RAMP, VOILUTSequence=[item]), tools)[0])[0]
    assert (shown == np.where(RAMP[0] > 2000, 255, 0)).all()


@pytest.mark.parametrize("said", [8, 12, 16])
def test_a_voi_table_that_says_wrong_bits_is_applied_by_its_entries(tmp_path, tools, said):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, said])
    item.add_new("LUTData", "US", list(range(4096)))
    shown = pixels(extracted(dicom(tmp_path, RAMP, VOILUTSequence=[item]), tools)[0])[0]
    assert np.abs(shown.astype(int) - (RAMP[0] >> 4)).max() <= 1


def test_a_dark_voi_table_stays_dark(tmp_path, tools):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 12])
    item.add_new("LUTData", "US", [entry // 2 for entry in range(4096)])
    assert pixels(extracted(dicom(tmp_path, RAMP, VOILUTSequence=[item]), tools)[0]).max() in (126, 127)


def test_overlay_bits_above_the_pixels_own_are_not_shown(tmp_path, tools):
    clean = pixels(extracted(dicom(tmp_path, RAMP, BitsStored=12, HighBit=11), tools)[0])
    drawn = RAMP.copy()
    drawn[::3] |= 0x8000
    assert (pixels(extracted(dicom(tmp_path, drawn, BitsStored=12, HighBit=11), tools)[0]) == clean).all()


def test_each_frame_of_an_enhanced_object_has_its_own_window(tmp_path, tools):
    groups = []
    for centre in (500, 3500):
        window, group = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = centre, 100
        group.FrameVOILUTSequence = [window]
        groups.append(group)
    path = dicom(tmp_path, np.stack([RAMP, RAMP]), PerFrameFunctionalGroupsSequence=groups)
    low, high = (pixels(candidate).mean() for candidate in extracted(path, tools))
    assert low > 200
    assert high < 60


def test_a_file_without_preamble_is_read_where_it_begins_like_a_data_set(tmp_path, tools):
    bare = tmp_path / "bare.dcm"
    dataset = pydicom.dcmread(FILES / "MR_small_implicit.dcm")
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, Dataset(dataset), implicit_vr=True, little_endian=True)
    bare.write_bytes(buffer.getvalue())
    assert DicomSource().recognises(str(bare), bare.read_bytes()[:4096])
    assert pixels(extracted(bare, tools)[0]).shape == (64, 64)
    assert not DicomSource().recognises("a.txt", b"A letter that is no data set." * 10)


@pytest.mark.parametrize("name", ["rtplan.dcm", "rtstruct.dcm", "test-SR.dcm", "waveform_ecg.dcm"])
def test_a_file_without_pixels_is_empty(tools, name):
    with pytest.raises(EmptySourceError, match="no pixels"):
        extracted(FILES / name, tools)


def test_a_frame_that_is_cut_short_is_missed_with_a_reason(tools):
    (missed,) = extracted(FILES / "MR_truncated.dcm", tools)
    assert isinstance(missed, Missed)
    assert (missed.state, missed.place.frame, missed.is_part) == ("failed", 1, False)


def test_a_broken_frame_costs_itself_alone(tmp_path, tools):
    dataset = pydicom.dcmread(FILES / "SC_rgb_rle_2frame.dcm")
    data = bytearray(dataset.PixelData)
    data[16:80] = b"\xff" * 64  # the RLE header of the first frame, behind the offset table
    dataset.PixelData = bytes(data)
    dataset.save_as(tmp_path / "broken.dcm")
    found = extracted(tmp_path / "broken.dcm", tools)
    assert [type(item) for item in found][-1:] == [Candidate]
    assert len(found) == 2


def test_more_pixels_than_allowed_are_not_decoded(tmp_path):
    values = Settings(max_pixels=1_000_000)
    path = dicom(tmp_path, np.zeros((8, 8), np.uint16), Rows=2000, Columns=2000)
    with Sandbox() as sandbox, pytest.raises(SourceError, match="2000 x 2000"):
        extracted(path, Tools(values, sandbox, Door(values)))


@pytest.mark.parametrize(("most", "frames"), [(0, range(1, 31)), (1, [16]), (3, [6, 16, 26]), (99, range(1, 31))])
def test_a_setting_chooses_frames_spread_over_the_file(tools, most, frames):
    chosen = replace(tools, settings=Settings(dicom_frames=most))
    found = extracted(FILES / "examples_ybr_color.dcm", chosen)
    assert [candidate.place.frame for candidate in found] == list(frames)
    whole = {candidate.place.frame: candidate.data for candidate in extracted(FILES / "examples_ybr_color.dcm", tools)}
    assert all(candidate.data == whole[candidate.place.frame] for candidate in found)


def test_a_frame_over_which_the_child_dies_costs_itself_also_among_chosen_ones(tmp_path, tools, monkeypatch):
    dying = replace(tools, settings=Settings(dicom_frames=2), sandbox=Dying({3}))
    assert [(type(item), item.place.frame) for item in extracted(tmp_path / "any.dcm", dying)] == [
        (Missed, 3), (Candidate, 8),
    ]  # fmt: skip


class Dying:
    """A sandbox whose child dies over some of the ten frames of every file."""

    def __init__(self, frames):
        self.frames = frames

    def stream(self, _function, arguments):
        yield Item(frames=10, tags={}, study="", patient=""), b""
        for number in chosen_frames(10, arguments["most"]):
            if number > arguments["first"]:
                if number in self.frames:
                    raise SandboxError("It died.")
                yield Item(frame=number), b"x"


@pytest.mark.parametrize(("said", "kept"), [("YES", "YES"), ("no ", "NO"), ("MAYBE DOE", None), (None, None)])
def test_a_file_that_says_its_pixels_carry_names_is_marked_and_left_out_where_that_is_asked(
    tmp_path, tools, said, kept
):
    path = dicom(tmp_path, RAMP, **({"BurnedInAnnotation": said} if said else {}))
    assert extracted(path, tools)[0].place.tags.get("BurnedInAnnotation") == kept
    (item,) = extracted(path, replace(tools, settings=Settings(leave_out_burned_in=True)))
    assert isinstance(item, Missed) == (kept == "YES")
    if isinstance(item, Missed):
        assert (item.state, item.place.path) == ("rejected", str(path))
        assert "burnt into its pixels" in item.reason


def test_pictures_of_one_study_share_a_group_that_does_not_say_which(tmp_path, tools):
    def group(name, uid, used=tools):
        return extracted(dicom(tmp_path, RAMP, name, StudyInstanceUID=uid), used)[0].place.tags.get("StudyGroup")

    first = group("a.dcm", "1.2.3.4")
    assert first == group("b.dcm", "1.2.3.4")
    assert first != group("c.dcm", "1.2.3.5")
    assert first != group("a.dcm", "1.2.3.4", replace(tools, key=b"another volume's"))
    assert "1.2.3.4" not in first
    assert group("d.dcm", "") is None


def test_pictures_of_one_patient_share_a_group_whatever_their_study(tmp_path, tools):
    def tags(uid, **elements):
        return extracted(dicom(tmp_path, RAMP, "file.dcm", StudyInstanceUID=uid, **elements), tools)[0].place.tags

    first, again = (tags(uid, PatientID="PAT-17") for uid in ("1.2.3.4", "1.2.3.5"))
    assert first["PatientGroup"] == again["PatientGroup"]
    assert first["StudyGroup"] != again["StudyGroup"]
    assert first["PatientGroup"] != tags("1.2.3.4", PatientID="PAT-18")["PatientGroup"]
    assert first["PatientGroup"] != tags("1.2.3.4", PatientID="PAT-17", IssuerOfPatientID="Elsewhere")["PatientGroup"]
    assert set(person_groups(first)) & set(person_groups(again)) == {f"patient {first['PatientGroup']}"}
    assert "PAT-17" not in str(first)


@pytest.mark.parametrize("patient", ["", "0000", "Anonymous", "ANONYMIZED", "anon", "De-Identified", "unknown", "N/A"])
def test_what_programs_write_in_place_of_a_patient_groups_nobody(tmp_path, tools, patient):
    (item,) = extracted(dicom(tmp_path, RAMP, PatientID=patient, StudyInstanceUID="1.2.3.4"), tools)
    assert "PatientGroup" not in item.place.tags
    assert person_groups(item.place.tags) == [f"study {item.place.tags['StudyGroup']}"]


def test_only_defined_terms_of_the_allowed_elements_are_kept(tmp_path, tools):
    path = dicom(tmp_path, RAMP, BodyPartExamined="CHEST ", ViewPosition="DOE JOHN", StationName="CT7")
    assert extracted(path, tools)[0].place.tags == {
        "Modality": "CT", "BodyPartExamined": "CHEST", "PhotometricInterpretation": "MONOCHROME2",
    }  # fmt: skip


PERSONAL = ("PatientName", "PatientID", "InstitutionName", "ReferringPhysicianName", "AccessionNumber", "StationName",
            "StudyDescription", "ImageComments", "OperatorsName", "ProtocolName")  # fmt: skip
CODES = ("Modality", "BodyPartExamined", "ViewPosition", "PhotometricInterpretation")
BREAKABLE = ("Rows", "NumberOfFrames", "WindowCenter", "RescaleSlope", "BitsStored", "SamplesPerPixel")
secrets = st.text(string.ascii_uppercase + string.digits, min_size=6, max_size=12).map(lambda text: f"ZQ{text}")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=secrets, codes=st.sets(st.sampled_from(CODES)), broken=st.sets(st.sampled_from(BREAKABLE), max_size=2),
       syntax=st.sampled_from([None, "secret"]))  # fmt: skip
def test_no_identifying_value_appears_in_anything_that_comes_out(
    tmp_path, tools, caplog, secret, codes, broken, syntax
):
    dataset = pydicom.dcmread(FILES / "MR_small_implicit.dcm")
    for keyword in PERSONAL:
        setattr(dataset, keyword, secret)
    for keyword in (*codes, *broken):  # a wrong type in an element that is read makes pydicom quote the value
        if keyword in dataset:
            del dataset[keyword]
        dataset.add_new(keyword, "LO", secret)
    dataset.add_new(0x00091001, "LO", secret)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    path = tmp_path / "file.dcm"
    dataset.save_as(path)
    if syntax:
        path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2\0", secret[:17].ljust(17, "0").encode() + b"\0"))
    assert path.read_bytes().count(secret.encode()) >= len(PERSONAL)
    try:
        found = extracted(path, tools)
    except SourceError as error:
        assert secret not in str(error)
        assert broken or syntax  # a name in any other place does not keep the picture from being had
        return
    assert found
    said = json.dumps([[item.place.tags, item.place.caption, getattr(item, "reason", "")] for item in found])
    assert secret not in said
    assert not any(secret.encode() in item.data for item in found if isinstance(item, Candidate))
    assert secret not in caplog.text


CT = (FILES / "CT_small.dcm").read_bytes()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(132, 6000), st.integers(0, 255)), max_size=10), st.integers(200, len(CT)))
def test_damaged_files_end_in_pictures_or_reasons(tmp_path, tools, changes, length):
    data = bytearray(CT[:length])
    for position, value in changes:
        data[position % len(data)] = value
    path = tmp_path / "damaged.dcm"
    path.write_bytes(data)
    try:
        found = extracted(path, tools)
    except SourceError as error:
        assert str(error)
    else:
        assert all(isinstance(item, Candidate) or item.reason for item in found)
