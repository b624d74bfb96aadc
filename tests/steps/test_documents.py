"""Which documents stay on the volume: PDFs that gave pictures, under their digest, unless a setting says no."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom.data
import pymupdf
import pytest

from medsift.settings import Settings
from medsift.steps import local_context, new_run_id, plan_run, run_step, sort_sources
from medsift.volume import Volume
from tests.sources.pdf_cases import CASES

pytestmark = pytest.mark.postgres


@pytest.fixture
def papers(inbox: Path, age: Callable[[Path], None]) -> Path:
    """The inbox with a PDF that holds a picture, one that holds none, and a DICOM file."""
    (inbox / "figure.pdf").write_bytes(CASES["jpx"]().document.tobytes())
    empty = pymupdf.open()
    empty.new_page()
    empty.save(inbox / "words.pdf")
    shutil.copy(str(pydicom.data.get_testdata_file("CT_small.dcm", download=False)), inbox / "slice.dcm")
    for path in inbox.iterdir():
        age(path)
    return inbox


def extracted(load: Callable[..., Settings], **form: Any) -> Volume:
    """The volume after plan and extract of the inbox."""
    run_id = new_run_id("documents")
    for entry in plan_run(load(**form), run_id, ["."], "on_demand")["batches"]:
        run_step(load(), run_id, "extract", batch=entry["batch"])
    return Volume(load().volume)


def kept(volume: Volume) -> list[Path]:
    return sorted(path for path in (volume.root / "documents").rglob("*") if path.is_file())


def test_a_pdf_that_gave_pictures_is_kept_under_its_digest(load: Callable[..., Settings], papers: Path) -> None:
    volume = extracted(load)
    data = (papers / "figure.pdf").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert kept(volume) == [volume.root / "documents" / digest[:2] / f"{digest}.pdf"]
    assert kept(volume)[0].read_bytes() == data
    assert kept(extracted(load)) == kept(volume)


def test_the_setting_turns_it_off(load: Callable[..., Settings], papers: Path) -> None:
    assert kept(extracted(load, keep_documents=False)) == []


def test_without_a_store_nothing_is_kept(plain_settings: Settings, papers: Path) -> None:
    typed = [str(papers / "figure.pdf")]
    with local_context(plain_settings, typed) as context:
        sort_sources(context, typed)
        assert kept(context.volume) == []
