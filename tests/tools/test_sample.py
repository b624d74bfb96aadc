import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from medsift.evaluation.expected import read_expected, score_expected

ROOT = Path(__file__).parents[2]
# Words that would give an answer away, in a text, a caption or a name.
TELLING = re.compile(
    r"medic|clinic|patient|hospital|diagnos|radio|x-?ray|\bct\b|\bmri?\b|tomogra|ultraso|scan|brain|head\b|retina|tissue"
    r"|patholog|histolog|fundus|photo|plot|chart|graph|diagram|logo|cat\b|coffee|astronaut|flower|moon|building|brick",
    re.IGNORECASE,
)


def build(out):
    subprocess.run([sys.executable, ROOT / "tools/make_sample.py", out], check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return build(tmp_path_factory.mktemp("sample") / "out")


@pytest.fixture(scope="module")
def expected(sample):
    return read_expected(sample / "expected.csv")


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_building_it_again_gives_the_same_bytes(sample, tmp_path):
    assert files(build(tmp_path / "again")) == files(sample)


def test_every_expected_place_is_there_and_both_labels_are_many(sample, expected):
    assert all((sample / row.where).is_file() for row in expected)
    labels = [row.label for row in expected]
    assert 40 <= len(expected) <= 60
    assert min(labels.count("medical"), labels.count("non-medical")) >= 18
    assert {row.state for row in expected} == {"kept", "exact_duplicate", "rejected", "failed"}
    assert {"ct", "mri", "ultrasound", "fundus", "pathology", "plot", "photo"} <= {row.kind for row in expected}


def test_the_papers_show_every_picture_where_expected_says(sample, expected):
    import pymupdf

    for name in ("paper-1.pdf", "paper-2.pdf"):
        rows = [row for row in expected if row.where == f"papers/{name}"]
        with pymupdf.open(sample / "papers" / name) as document:
            shown = [(page.number + 1, info["bbox"]) for page in document for info in page.get_image_info()]
        assert [page for page, _ in shown] == [row.page for row in rows]
        assert all(box == pytest.approx(row.box, abs=0.1) for (_, box), row in zip(shown, rows, strict=True))
        assert len(rows) >= 9


def test_no_word_and_no_name_says_what_a_picture_is(sample):
    import pymupdf

    words = [str(path.relative_to(sample)) for path in sample.rglob("*")]
    page = (sample / "web/index.html").read_text()
    words += re.findall(r"<p.*?</p>|<figcaption>.*?</figcaption>|<h1>.*?</h1>|<title>.*?</title>", page, re.DOTALL)
    for paper in (sample / "papers").iterdir():
        with pymupdf.open(paper) as document:
            words += [document.metadata["title"], *(page.get_text() for page in document)]
    assert [match[0] for text in words if (match := TELLING.search(text))] == []


def test_the_folder_holds_what_goes_wrong_in_folders(sample, expected):
    from PIL import Image

    folder = sample / "folder"
    assert (folder / "img_017.jpg").read_bytes() == (folder / "img_009.jpg").read_bytes()
    assert Image.open(folder / "img_019.png").size == (10, 10)
    assert Image.open(folder / "img_007.tif").n_frames == 2
    with pytest.raises(OSError, match="truncated"):
        Image.open(folder / "img_018.jpg").load()
    assert {row.where for row in expected if not row.label} == {
        "folder/img_018.jpg", "folder/img_019.png", "web/pictures/icon.png",
    }  # fmt: skip


def test_the_dicom_files_can_be_read_and_the_clip_has_three_frames(sample):
    import pydicom

    datasets = [
        pydicom.dcmread(sample / "folder" / f"img_{n}") for n in ("001.dcm", "002.dcm", "003.dcm", "005.dcm", "006")
    ]
    assert [dataset.Modality for dataset in datasets] == ["CT", "MR", "MR", "US", "NM"]
    assert pydicom.dcmread(sample / "folder/img_004.dcm").pixel_array.shape == (3, 240, 320, 3)


def test_the_web_page_names_every_picture_it_is_expected_to_give(sample, expected):
    page = (sample / "web/index.html").read_text()
    places = [row.where.removeprefix("web/") for row in expected if row.where.startswith("web/")]
    assert len(places) == 9
    assert all(place in page for place in places)


def test_an_answer_with_all_labels_right_scores_full_marks(sample, expected):
    pictures = []
    for row in expected:
        path = str(sample / row.where)
        url = f"http://127.0.0.1:8000/{row.where.removeprefix('web/')}" if row.where.startswith("web/") else None
        place = {"source": path, "kind": "", "page": row.page, "box": row.box, "url": url, "path": path, "caption": ""}
        pictures.append({"verdict": row.label, "probability": 0.5, "occurrences": [place]})
    score = score_expected(sample / "expected.csv", pictures)
    assert (score.right, score.total, score.wrong) == (49, 49, [])


def test_examples_readme_names_the_source_of_every_picture(expected):
    text = (ROOT / "examples/README.md").read_text()
    table = csv.reader(io.StringIO(text), delimiter="|")
    named = {cell.strip() for row in table for cell in row}
    assert {row.title.split(", ")[0] for row in expected if row.title} <= named
