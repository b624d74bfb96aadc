"""Files attached to a PDF are read, each as what it is, behind the pictures of its pages."""

import io
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pymupdf
import pytest
from PIL import Image

from medsift.contracts import About, Candidate, Leaf, Missed
from medsift.sandbox import Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools
from medsift.sources._within import opening

CT = Path(pydicom.__file__).parent / "data" / "test_files" / "CT_small.dcm"
Read = Callable[[pymupdf.Document], list[Candidate | Missed]]


def picture(seed: int = 0, file_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (80, 90, 3), np.uint8)).save(buffer, file_format)
    return buffer.getvalue()


def document(attached: dict[str, bytes], on_page: bytes | None = None) -> pymupdf.Document:
    made = pymupdf.open()
    page = made.new_page()
    if on_page:
        page.insert_image(pymupdf.Rect(100, 100, 300, 300), stream=on_page)
    for number, (name, data) in enumerate(attached.items()):
        made.embfile_add(f"{number:04d}", data, filename=name)
    return made


def tools(sandbox: Sandbox, kept: list[Path] | None = None, **settings: object) -> Tools:
    return Tools(Settings(**settings), sandbox, None, keep=(kept if kept is not None else []).append)


def extracted(path: Path, given: Tools) -> list[Candidate | Missed]:
    found = KINDS.get("pdf")().extract(Leaf(str(path), "pdf", "", path=str(path)), given)
    return [item for item in found if not isinstance(item, About)]


@pytest.fixture
def read(pdf_sandbox: Sandbox, tmp_path: Path) -> Read:
    def reading(made: pymupdf.Document) -> list[Candidate | Missed]:
        made.save(tmp_path / "a.pdf")
        return extracted(tmp_path / "a.pdf", tools(pdf_sandbox))

    return reading


def names(tmp_path: Path, found: list[Candidate | Missed]) -> list[str]:
    return [str(item.place.path).removeprefix(f"{tmp_path / 'a.pdf'}/") for item in found]


def test_every_kind_of_file_is_read_as_what_it_is_behind_the_pages(read, tmp_path):
    inner = document({}, on_page=picture(4))
    inner.new_page().insert_image(pymupdf.Rect(0, 0, 200, 200), stream=picture(5))
    attached = {"röntgen.png": picture(1), "b.jpg": picture(2, "JPEG"), "IM0001": CT.read_bytes(),
                "paper.pdf": inner.tobytes(), "data.csv": b"a,b\n"}  # fmt: skip
    found = read(document(attached, on_page=picture(3)))
    assert all(isinstance(item, Candidate) for item in found)
    assert names(tmp_path, found) == ["None", "röntgen.png", "b.jpg", "IM0001", "paper.pdf", "paper.pdf"]
    assert [item.place.page for item in found] == [1, None, None, None, 1, 2]
    assert (found[1].data, found[1].is_rebuilt) == (picture(1), False)
    assert found[3].place.tags["Modality"] == "CT"


def test_a_picture_without_an_ending_is_told_by_its_content(read, tmp_path):
    found = read(document({"Figure 1": picture(1), "notes": b"words", "b.dat": picture(2)}))
    assert names(tmp_path, found) == ["Figure 1"]
    assert found[0].data == picture(1)


def test_where_pictures_are_not_looked_for_one_without_an_ending_is_not_either(pdf_sandbox, tmp_path):
    document({"Figure 1": picture(1), "IM1": CT.read_bytes()}).save(tmp_path / "a.pdf")
    found = extracted(tmp_path / "a.pdf", tools(pdf_sandbox, allowed_extensions=["dcm", "pdf"]))
    assert names(tmp_path, found) == ["IM1"]


def described(made: pymupdf.Document, name: str, data: bytes) -> str:
    """A file put into the document and described there, attached to nothing yet."""
    contents, description = made.get_new_xref(), made.get_new_xref()
    made.update_object(contents, "<</Type/EmbeddedFile>>")
    made.update_stream(contents, data, new=True)
    made.update_object(description, f"<</Type/Filespec/F({name})/EF<</F {contents} 0 R>>>>")
    return f"{description} 0 R"


def test_a_file_clipped_to_a_page_is_read_and_one_that_is_attached_twice_once(read, tmp_path):
    made = document({}, on_page=picture(3))
    twice = described(made, "a.png", picture(1))
    made.xref_set_key(made.pdf_catalog(), "Names", f"<</EmbeddedFiles<</Names[(a) {twice}]>>>>")
    made.new_page().add_file_annot((50, 50), picture(2), "clip.png")
    clip = made.new_page().add_file_annot((50, 50), b"gone", "gone.png")
    made.xref_set_key(clip.xref, "FS", twice)
    assert names(tmp_path, read(made)) == ["None", "a.png", "clip.png"]


def test_a_file_that_is_only_clipped_to_a_late_page_is_found(read, tmp_path):
    made = document({})
    for _ in range(3):
        page = made.new_page()
    page.add_file_annot((50, 50), picture(2), "clip.png")
    assert names(tmp_path, read(made)) == ["clip.png"]


def test_names_in_a_tree_of_branches_are_found(read, tmp_path):
    made, branches = document({}), []
    for first in (0, 2):
        leaves = " ".join(f"({n}) {described(made, f'{n}.png', picture(n))}" for n in (first, first + 1))
        branches.append(made.get_new_xref())
        made.update_object(branches[-1], f"<</Limits[({first})({first + 1})]/Names[{leaves}]>>")
    kids = " ".join(f"{branch} 0 R" for branch in branches)
    made.xref_set_key(made.pdf_catalog(), "Names", f"<</EmbeddedFiles<</Kids[{kids}]>>>>")
    assert names(tmp_path, read(made)) == ["0.png", "1.png", "2.png", "3.png"]


@pytest.mark.parametrize("name", ["../../out.png", "/etc/out.png", "C:\\files\\out.png", "deep/out.png"])
def test_of_a_name_that_leads_elsewhere_the_last_part_is_the_name(read, tmp_path, name):
    (found,) = read(document({name: picture()}))
    assert (names(tmp_path, [found]), found.data) == (["out.png"], picture())
    assert [file.name for file in tmp_path.iterdir()] == ["a.pdf"]


def test_what_lies_deeper_is_told_and_not_opened(read, tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("a.png", picture(1))
    inner = document({"deep.png": picture(2)}, on_page=picture(3)).tobytes()
    found = read(document({"a.zip": archive.getvalue(), "inner.pdf": inner}))
    assert names(tmp_path, found) == ["a.zip", "inner.pdf", "inner.pdf"]
    assert [getattr(item, "reason", "") for item in found] == [opening.NESTED, "", opening.NESTED]
    assert [getattr(item, "state", "") for item in found] == ["rejected", "", "rejected"]


def test_what_is_attached_to_a_pdf_in_an_archive_is_told_and_not_opened(pdf_sandbox, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.pdf", document({"deep.png": picture(2)}, on_page=picture(3)).tobytes())
    leaf = Leaf(str(tmp_path / "a.zip"), "archive", "", path=str(tmp_path / "a.zip"))
    taken, nested = KINDS.get("archive")().extract(leaf, tools(pdf_sandbox))
    assert (taken.place.page, nested.reason) == (1, opening.NESTED)


def test_a_bomb_costs_itself_and_what_follows_and_says_so(read, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "MAX_BYTES", 3 * 2**20)
    made = document({"a.png": picture(1), "bomb.png": bytes(2**28), "never.png": picture(2)}, on_page=picture(3))
    shown, first, cut = read(made)
    assert (tmp_path / "a.pdf").stat().st_size < 2**20
    assert (shown.place.page, first.data) == (1, picture(1))
    assert (cut.is_part, cut.state) == (True, "rejected")
    assert "unpacks to more than is read" in cut.reason


def test_a_damaged_file_costs_itself(pdf_sandbox, tmp_path):
    made = document({"bad.png": picture(1), "good.png": picture(2)}, on_page=picture(3))
    made.save(tmp_path / "a.pdf")
    data = bytearray((tmp_path / "a.pdf").read_bytes())
    at = data.index(b"stream", data.index(b"/Params")) + 40
    data[at : at + 200] = bytes(200)
    (tmp_path / "a.pdf").write_bytes(data)
    shown, bad, good = extracted(tmp_path / "a.pdf", tools(pdf_sandbox))
    assert (shown.place.page, good.data) == (1, picture(2))
    assert isinstance(bad, Missed) or bad.data != picture(1)


def test_a_password_that_is_empty_opens_attached_files_too(pdf_sandbox, tmp_path):
    made = document({"a.png": picture(1)})
    made.save(tmp_path / "a.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="owner", user_pw="")
    (found,) = extracted(tmp_path / "a.pdf", tools(pdf_sandbox))
    assert found.data == picture(1)


@pytest.mark.parametrize("name", ["IM0001", "inner.pdf", "a.png", "any.bin"])
def test_a_document_that_carries_files_is_not_kept_as_there_may_be_dicom_in_them(pdf_sandbox, tmp_path, name):
    path, kept = tmp_path / "a.pdf", list[Path]()
    document({name: CT.read_bytes()}, on_page=picture(3)).save(path)
    assert extracted(path, tools(pdf_sandbox, kept))[0].place.page == 1
    assert kept == []
    document({}, on_page=picture(3)).save(path)
    extracted(path, tools(pdf_sandbox, kept))
    assert kept == [path]


def test_what_is_attached_to_a_pdf_without_pages_is_read(pdf_sandbox, tmp_path):
    made = document({"a.png": picture(1)})
    made.save(tmp_path / "a.pdf")
    data = (tmp_path / "a.pdf").read_bytes()
    emptied = re.sub(rb"/Kids ?\[[^]]*\]", lambda kids: b"/Kids[".ljust(len(kids[0]) - 1) + b"]", data)
    (tmp_path / "a.pdf").write_bytes(emptied.replace(b"/Count 1", b"/Count 0"))
    lost, found = extracted(tmp_path / "a.pdf", tools(pdf_sandbox))
    assert (lost.is_part, found.data) == (True, picture(1))


def test_a_file_that_is_only_associated_with_the_document_is_read(read, tmp_path):
    made = document({})
    made.xref_set_key(made.pdf_catalog(), "AF", f"[{described(made, 'a.png', picture(1))}]")
    assert names(tmp_path, read(made)) == ["a.png"]


@pytest.mark.parametrize(("name", "expected"), [("..", "attachment"), ("x" * 100_000 + ".png", "x" * 996 + ".png")])
def test_a_name_is_one_that_a_row_can_hold(read, tmp_path, name, expected):
    made = document({})
    made.xref_set_key(made.pdf_catalog(), "AF", f"[{described(made, name, CT.read_bytes())}]")
    assert names(tmp_path, read(made)) == [expected]


def test_no_document_of_an_archive_is_kept(pdf_sandbox, tmp_path):
    kept: list[Path] = []
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.pdf", document({}, on_page=picture(3)).tobytes())
    leaf = Leaf(str(tmp_path / "a.zip"), "archive", "", path=str(tmp_path / "a.zip"))
    assert len(list(KINDS.get("archive")().extract(leaf, tools(pdf_sandbox, kept)))) == 1
    assert kept == []


@pytest.mark.parametrize("data", [CT.read_bytes(), b"no DICOM at all"])
def test_the_path_of_attached_dicom_and_what_may_be_dicom_is_hidden_where_others_are(pdf_sandbox, tmp_path, data):
    document({"Jane Doe.dcm": data}).save(tmp_path / "a.pdf")
    given = tools(pdf_sandbox)
    (found,) = extracted(tmp_path / "a.pdf", Tools(given.settings, given.sandbox, given.door, b"k" * 32, True))
    assert "Jane" not in str(found.place.path)


def test_nothing_of_it_is_left_behind(read, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert len(read(document({"a.png": picture(1), "b.dcm": CT.read_bytes(), "c.png": b"no picture"}))) == 3
    assert list(scratch.iterdir()) == []
