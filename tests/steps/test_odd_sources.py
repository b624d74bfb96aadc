"""Files with odd names, and archives, go all the way from a folder to pictures on the volume."""

import io
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pydicom.data
import pymupdf
import pytest
from PIL import Image

from medsift.settings import Settings
from medsift.steps import RunResult, find_pictures, local_context
from medsift.steps.result import where


def picture(seed: int) -> bytes:
    buffer = io.BytesIO()
    small = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    Image.fromarray(small).resize((160, 120)).save(buffer, "PNG")
    return buffer.getvalue()


def found(settings: Settings, source: str) -> RunResult:
    with local_context(settings, [source]) as context:
        find_pictures(context, [source])
        return RunResult.of(context)


@pytest.fixture
def oddly_named(tmp_path: Path) -> Path:
    """A picture, a PDF and a DICOM file whose names are Latin-1."""
    folder = tmp_path / "odd"
    folder.mkdir()
    document = pymupdf.open()
    document.new_page().insert_image(pymupdf.Rect(100, 100, 300, 300), stream=picture(2))
    for name, data in ((b"r\xf6ntgen.png", picture(1)), (b"\xfcber.pdf", document.tobytes())):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(data)
    ct = pydicom.data.get_testdata_file("CT_small.dcm", download=False)
    shutil.copy(str(ct), os.fsdecode(os.fsencode(folder) + b"/\xe9.dcm"))
    return folder


def test_files_whose_names_are_no_utf_8_are_read_like_all_others(oddly_named: Path, plain_settings: Settings) -> None:
    result = found(plain_settings, str(oddly_named))
    assert {Path(outcome.source).name: (outcome.state, outcome.found) for outcome in result.sources} == {
        "r\\xf6ntgen.png": ("done", 1), "\\xfcber.pdf": ("done", 1), "\\xe9.dcm": ("done", 1),
    }  # fmt: skip
    assert sorted(o.path for o in result.occurrences if o.path) == [
        f"{oddly_named}/\\xe9.dcm", f"{oddly_named}/r\\xf6ntgen.png",
    ]  # fmt: skip
    assert result.counts()["pictures"]["kept"] == 3


def test_a_page_of_a_document_within_a_source_is_told_from_the_sources_own(
    tmp_path: Path, plain_settings: Settings
) -> None:
    outer, inner = pymupdf.open(), pymupdf.open()
    for number, each in enumerate((outer, inner)):
        each.new_page().insert_image(pymupdf.Rect(100, 100, 300, 300), stream=picture(number))
    outer.embfile_add("inner", inner.tobytes(), filename="inner.pdf")
    outer.save(tmp_path / "outer.pdf")
    result = found(plain_settings, str(tmp_path))
    assert [where(occurrence) for occurrence in result.occurrences] == ["page 1", "inner.pdf page 1"]


def test_pictures_of_an_archive_are_kept_with_their_place_in_it(tmp_path: Path, plain_settings: Settings) -> None:
    path = tmp_path / "scans.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", picture(1))
        archive.writestr("deep/b.png", picture(2))
        archive.writestr("again.png", picture(1))
        archive.writestr("letter.png", b"Dear colleague")
    result = found(plain_settings, str(tmp_path))
    (outcome,) = result.sources
    assert (outcome.source, outcome.kind, outcome.state, outcome.found) == (str(path), "archive", "done", 4)
    assert [(o.path, o.state) for o in result.occurrences] == [
        (f"{path}/a.png", "kept"), (f"{path}/deep/b.png", "kept"), (f"{path}/again.png", "exact_duplicate"),
        (f"{path}/letter.png", "rejected"),
    ]  # fmt: skip
