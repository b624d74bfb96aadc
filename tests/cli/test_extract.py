"""`medsift extract` says of what it could not read as much as of the pictures it wrote."""

from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from tests.cli.commands import medsift_command, rows_of
from tests.sources.pdf_parts import encoded, scene

UNREAD = ("failed", "partial")


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """A picture, a PDF with a password, and one of two pages whose second is gone."""
    folder = tmp_path / "papers"
    folder.mkdir()
    Image.fromarray(scene(seed=1)).save(folder / "good.png")
    with pymupdf.open() as document:
        document.new_page()
        document.save(folder / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret")
    with pymupdf.open() as document:
        document.new_page().insert_image((50, 50, 250, 150), stream=encoded(scene(seed=2)))
        gone = document.new_page().xref
        data = document.tobytes()
    (folder / "torn.pdf").write_bytes(data.replace(b"\n%d 0 obj" % gone, b"\n%d 0 abj" % gone))
    return folder


def test_a_source_that_was_not_read_whole_is_told_and_is_a_row(papers: Path, tmp_path: Path) -> None:
    done = medsift_command("extract", "papers", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "failed: papers/locked.pdf: Encrypted: it needs a password to be opened.\n" in done.stdout
    assert "partial: papers/torn.pdf: page 2: " in done.stdout
    rows = rows_of(tmp_path / "out" / "manifest.csv")
    assert [(Path(row["source"]).name, row["state"], row["file"]) for row in rows if row["state"] in UNREAD] == [
        ("locked.pdf", "failed", ""), ("torn.pdf", "partial", ""),
    ]  # fmt: skip
    assert [row["reason"][:8] for row in rows if row["state"] == "partial"] == ["page 2: "]
    assert {row["file"] for row in rows if row["state"] == "kept"} == {"good_1.png", "torn_p1_1.png"}


def test_a_picture_that_cannot_be_read_is_one_row(tmp_path: Path) -> None:
    Image.fromarray(scene(seed=1)).save(tmp_path / "good.png")
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    medsift_command("extract", "good.png", "cut.jpg", "--out", "out", cwd=tmp_path)
    rows = rows_of(tmp_path / "out" / "manifest.csv")
    assert [(Path(row["source"]).name, row["state"]) for row in rows] == [("good.png", "kept"), ("cut.jpg", "failed")]
