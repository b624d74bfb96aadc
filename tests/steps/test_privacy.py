"""Nothing by which a person could be known gets from a DICOM file, or its name, into database, logs or volume."""

import itertools
import logging
import os
import shutil
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet
import pydicom
import pytest
from PIL import Image
from pydicom.datadict import DicomDictionary
from sqlalchemy import select, text

from medsift.settings import Settings
from medsift.sources._dicom.reader import READ
from medsift.steps import find_pictures, local_context
from medsift.steps.header import RunHeader
from medsift.steps.result import RunResult
from medsift.steps.uploads import forget_abandoned, forget_uploads
from medsift.store import Store
from medsift.store.tables import Base
from tests.sources.pdf_parts import scene

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
NAME = "ZQDOEJANE"
# Text as the file may say it, by kind of element (PS3.5, table 6.2-1): the numbers are as easily told as the name.
SAID = {
    "AE": NAME, "AS": "047Y", "CS": NAME, "DA": "19470312", "DT": "19470312101112", "LO": NAME, "LT": NAME, "PN": NAME,
    "SH": NAME, "ST": NAME, "TM": "101112.471947", "UC": NAME, "UI": "1.2.826.0.471947", "UR": f"http://{NAME}/",
    "UT": NAME,
}  # fmt: skip
HASHED = ("StudyInstanceUID", "PatientID", "IssuerOfPatientID")
TELLING = (NAME, "19470312", "471947", "101112")
pytestmark = pytest.mark.postgres


def with_every_text_element(path: Path) -> int:
    """A CT slice that says `SAID` in every text element that the standard knows and a picture needs not; how many."""
    dataset = pydicom.dcmread(FILES / "CT_small.dcm")
    needed = {pydicom.datadict.tag_for_keyword(keyword) for keyword in READ} | {0x00080005}  # the character set
    needed -= {pydicom.datadict.tag_for_keyword(name) for name in HASHED}
    count = 0
    with warnings.catch_warnings(action="ignore"):
        for tag, (kind, _, name, retired, _) in DicomDictionary.items():
            group = tag >> 16
            if kind in SAID and tag not in needed and group >= 8 and group != 0xFFFE and name:
                dataset.add_new(tag, kind, SAID[kind])
                count += not retired
        dataset.add_new(0x00091001, "LO", NAME)  # a manufacturer's own
        dataset.file_meta.SourceApplicationEntityTitle = NAME
        dataset.preamble = NAME.encode().ljust(128, b"\0")
        dataset.save_as(path)
    return count


@pytest.fixture
def person(tmp_path: Path, load: Callable[..., Settings]) -> Path:
    """An upload whose folder, file name, archive member and every element name a person."""
    folder = load().volume / "uploads" / NAME
    folder.mkdir(parents=True)
    assert with_every_text_element(folder / f"{NAME}.dcm") > 1500
    shutil.copy(FILES / "MR_truncated.dcm", folder / f"{NAME} broken.dcm")
    with zipfile.ZipFile(folder.parent / "study.zip", "w") as archive:
        archive.write(folder / f"{NAME}.dcm", f"{NAME}/{NAME}.dcm")
    return folder


def published(settings: Settings, sources: list[str]) -> RunResult:
    """A run up to `shard`, with its rows in the database, and its uploads forgotten."""
    with local_context(settings, sources, is_stored=True) as context:
        assert context.store is not None
        find_pictures(context, sources)
        result = RunResult.of(context)
        header = RunHeader.read(context.volume.run_header(context.run_id))
        context.store.publish_pictures(context.run_id, result.pictures, [], [], [], header.model_set, "prompts")
        context.store.publish_sources(context.run_id, result.sources, result.occurrences, "code")
        context.volume.tidy(context.run_id)
        forget_uploads(context, [])
        forget_abandoned(context)
    return result


def in_database(store: Store) -> Iterator[str]:
    with store.engine.connect() as connection:
        for table in Base.metadata.tables.values():
            for row in connection.execute(select(text("*")).select_from(table)):
                yield repr(tuple(row))


def on_volume(volume: Path) -> Iterator[tuple[str, str]]:
    for path in volume.rglob("*"):
        yield str(path.relative_to(volume)), ""
        if path.suffix == ".parquet":
            yield str(path.relative_to(volume)), repr(pyarrow.parquet.ParquetFile(path).read().to_pylist())
        elif path.is_file():
            yield str(path.relative_to(volume)), path.read_bytes().decode("latin-1")


def test_no_element_and_no_name_of_a_dicom_file_is_stored_or_logged(
    person: Path, load: Callable[..., Settings], store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    result = published(load(), [str(path) for path in (*sorted(person.iterdir()), person.parent / "study.zip")])
    assert [outcome.state for outcome in result.sources] == ["failed", "done", "done"]
    assert sum(occurrence.sha256 is not None for occurrence in result.occurrences) == 2
    rows = list(in_database(store))
    assert any("dicom:" in row for row in rows)
    for telling in TELLING:
        assert telling not in caplog.text
        assert not [row for row in rows if telling in row]
    plan = "plan/leaves.parquet"  # where the run itself finds the file again
    told = [name for name, content in on_volume(load().volume) for telling in TELLING if telling in name + content]
    assert [name for name in told if not name.endswith(plan) and name != f"uploads/{NAME}"] == []


def test_uploaded_dicom_and_archives_are_gone_when_the_run_is_over_and_nothing_else(
    person: Path, load: Callable[..., Settings], database: object
) -> None:
    elsewhere = load().volume / "inbox" / "kept.dcm"
    elsewhere.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(FILES / "CT_small.dcm", elsewhere)
    shutil.copy(FILES / "CT_small.dcm", person.parent / "of another run.dcm")
    published(load(), [str(person), str(person.parent / "study.zip"), str(elsewhere)])
    assert [path.name for path in person.parent.rglob("*") if path.is_file()] == ["of another run.dcm"]
    assert elsewhere.exists()


def test_uploads_that_no_run_took_are_gone_after_two_days_and_those_of_runs_are_not(
    load: Callable[..., Settings], database: object
) -> None:
    uploads = load().volume / "uploads"
    taken, abandoned, fresh = (uploads / token / "picture.png" for token in ("taken", "abandoned", "fresh"))
    for path in (taken, abandoned, fresh):
        path.parent.mkdir(parents=True)
        Image.fromarray(scene(96, 96)).save(path)
    for path in (taken, abandoned):
        os.utime(path, (time.time() - 3 * 24 * 3600,) * 2)
    published(load(), [str(taken)])
    assert taken.exists() and fresh.exists() and not abandoned.parent.exists()


def test_paths_are_kept_where_a_setting_says_so(person: Path, load: Callable[..., Settings], database: object) -> None:
    (path,) = (path for path in person.iterdir() if "broken" not in path.name)
    result = published(load(keep_dicom_paths=True), [str(path)])
    assert {(o.source, o.path) for o in result.occurrences} == {(str(path), str(path))}


def test_a_file_is_known_again_by_the_hash_of_its_path(
    tmp_path: Path, load: Callable[..., Settings], database: object
) -> None:
    path = tmp_path / "ct.dcm"
    shutil.copy(FILES / "CT_small.dcm", path)
    thresholds = itertools.count(80)  # another setting is another run

    def run() -> tuple[str, str]:
        (outcome,) = published(load(review_threshold=next(thresholds) / 100), [str(path)]).sources
        return outcome.source, outcome.state

    first, second = run(), run()
    assert first[0].startswith("dicom:")
    assert second[0] == first[0]
