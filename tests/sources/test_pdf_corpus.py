"""The PDF source on real and damaged files: nothing crashes, each is accounted for, known papers come out whole."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from medsift.contracts import About, Candidate, Leaf, Missed
from medsift.errors import SourceError
from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools

pytestmark = pytest.mark.corpus
PDFS = Path(__file__).parents[3] / "shared" / "pdfs"
SLOW = {"made-600pages-large-pictures.pdf", "patent-103pages.pdf"}  # minutes; tools/compare_pdf_pictures.py reads them
NEEDS_PASSWORD = {"aes-128.pdf", "rc4-40.pdf", "aes-256-r6.pdf", "graph-encrypted.pdf"}
NO_PDF = {"empty.pdf", "invalid.pdf", "poppler-85140-0.pdf", "stackoverflow_error.pdf"}
PAPERS = {
    "tom2018-ivus.pdf": 11,
    "tumor3d-mri.pdf": 10,
    "itk-skullstrip.pdf": 7,
    "fujioka2019-breast-us.pdf": 11,
    "made-aes256-emptypw-fujioka.pdf": 11,
    "made-truncated-tom2018.pdf": 11,
    "made-brokenstreams-itk.pdf": 5,  # of 7; the data of two breaks off
    "ctskull-poster.pdf": 12,
    "brain-extraction-slides.pdf": 11,  # 25 page-wide gradients are none
    "lungct-strips.pdf": 5,  # 49 strips
    "pmc4521097.pdf": 5,
    "made-same-picture-1200pages.pdf": 1200,
}
BROKEN_PAGES = {"made-brokenstreams-itk.pdf": [7]}  # bytes of its content were zeroed


@pytest.fixture(scope="module")
def tools() -> Iterator[Tools]:
    with Sandbox(Limits(120, 3072)) as sandbox:
        yield Tools(Settings(), sandbox, None)


def read(name: str, tools: Tools) -> list[Candidate | Missed | About]:
    path = str(PDFS / name)
    return list(KINDS.get("pdf")().extract(Leaf(path, "pdf", "b", path=path), tools))


def large(found: list[Candidate | Missed | About]) -> list[Candidate]:
    return [
        one
        for one in found
        if isinstance(one, Candidate)
        and min(Image.open(io.BytesIO(one.data)).size) >= 64  # the library's least for PDF
    ]


@pytest.mark.parametrize("name", sorted(PAPERS))
def test_known_files_give_their_known_number_of_pictures(tools: Tools, name: str) -> None:
    found = read(name, tools)
    assert len(large(found)) == PAPERS[name]
    parts = [one.place.page for one in found if isinstance(one, Missed) and one.is_part]
    assert parts == BROKEN_PAGES.get(name, [])


@pytest.mark.parametrize("kind", ["encoding", "damaged", "encrypted", "huge", "intl", "vector"])
def test_every_file_of_a_kind_is_read_or_refused_with_a_reason(tools: Tools, kind: str) -> None:
    with (PDFS / "sources.csv").open(newline="", encoding="utf-8") as rows:
        names = [row["file"] for row in csv.DictReader(rows) if row["kind"] == kind]
    for name in names:
        if name in SLOW:
            continue
        try:
            found = read(name, tools)
        except SourceError as error:
            assert len(str(error)) > 10
            assert (name in NEEDS_PASSWORD) == str(error).startswith("Encrypted")
        else:
            assert name not in NEEDS_PASSWORD | NO_PDF
            for one in found:
                if isinstance(one, Candidate):
                    Image.open(io.BytesIO(one.data)).verify()
                elif isinstance(one, Missed):
                    assert one.reason


def test_captions_of_a_paper_stand_with_their_pictures(tools: Tools) -> None:
    captions = [one.place.caption for one in large(read("tumor3d-mri.pdf", tools))]
    assert [caption.split(".")[0] for caption in captions] == [f"Figure {number}" for number in range(1, 11)]
    assert captions[0] == "Figure 1. Brain MRI with labeled tumor"
