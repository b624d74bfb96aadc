"""A zip archive is read as if it were a folder, within limits, and nothing of it is written under a name it says."""

import io
import stat
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from medsift.contracts import Candidate, Leaf, Missed
from medsift.errors import SourceError
from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import Tools
from medsift.sources._within import opening
from medsift.sources.archive import ArchiveSource
from medsift.sources.http import Door

CT = Path(pydicom.__file__).parent / "data" / "test_files" / "CT_small.dcm"


@pytest.fixture(scope="module")
def tools():
    settings = Settings()
    with Sandbox(Limits(timeout_s=30)) as sandbox:
        yield Tools(settings, sandbox, Door(settings))


def extracted(path: Path, tools: Tools) -> list[Candidate | Missed]:
    return list(ArchiveSource().extract(Leaf(str(path), "archive", "", path=str(path)), tools))


def picture(seed: int = 0, file_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)).save(buffer, file_format)
    return buffer.getvalue()


def zipped(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive_file:
        for name, data in members.items():
            archive_file.writestr(name, data)
    return path


def names(path: Path, found: list[Candidate | Missed]) -> list[str]:
    return [str(item.place.path).removeprefix(f"{path}/") for item in found]


def test_every_kind_of_file_inside_is_read_as_what_it_is(tmp_path, tools):
    import pymupdf

    document = pymupdf.open()
    document.new_page().insert_image(pymupdf.Rect(100, 100, 300, 300), stream=picture(3))
    inside = {
        "a.png": picture(1), "deep/down/b.jpg": picture(2, "JPEG"), "study/IM0001": CT.read_bytes(),
        "paper.pdf": document.tobytes(), "notes.doc": b"no picture", "empty/": b"",
    }  # fmt: skip
    path = zipped(tmp_path / "a.zip", inside)
    found = extracted(path, tools)
    assert names(path, found) == ["a.png", "deep/down/b.jpg", "study/IM0001", "paper.pdf"]
    assert all(isinstance(item, Candidate) for item in found)
    assert (found[0].data, found[0].is_rebuilt) == (picture(1), False)
    assert (found[2].place.frame, found[2].place.tags["Modality"]) == (1, "CT")
    assert found[3].place.page == 1


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_compression_of_zip_is_read(tmp_path, tools, compression):
    (found,) = extracted(zipped(tmp_path / "a.zip", {"a.png": picture()}, compression), tools)
    assert found.data == picture()


def test_an_archive_is_known_by_its_content(tmp_path):
    assert ArchiveSource().recognises("scans", zipped(tmp_path / "scans", {"a.png": b""}).read_bytes()[:4096])
    assert ArchiveSource().recognises("empty.zip", zipped(tmp_path / "empty.zip", {}).read_bytes())
    assert not ArchiveSource().recognises("a.zip", b"PKnot one")


def test_a_word_document_gives_its_pictures(tmp_path, tools):
    inside = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>", "word/media/image1.png": picture()}
    path = zipped(tmp_path / "letter.docx", inside)
    assert names(path, extracted(path, tools)) == ["word/media/image1.png"]


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "a/../../out.png", "C:/out.png", "..\\out.png"])
def test_a_name_that_leads_out_is_refused_and_the_others_are_read(tmp_path, tools, name):
    path = zipped(tmp_path / "sub.zip", {name: picture(1), "good.png": picture(2)})
    refused, good = extracted(path, tools)
    assert (refused.state, refused.reason) == ("rejected", "Its name leads out of the archive.")
    assert good.data == picture(2)
    assert [file.name for file in tmp_path.iterdir()] == ["sub.zip"]


def test_a_link_is_not_followed(tmp_path, tools):
    (tmp_path / "secret.png").write_bytes(picture())
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive_file:
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive_file.writestr(link, str(tmp_path / "secret.png"))
    (refused,) = extracted(tmp_path / "a.zip", tools)
    assert (refused.state, refused.reason) == ("rejected", "It is a link, which is not followed.")


def test_an_archive_within_an_archive_is_told_and_not_opened(tmp_path, tools):
    inner = zipped(tmp_path / "inner.zip", {"a.png": picture()}).read_bytes()
    (nested,) = extracted(zipped(tmp_path / "outer.zip", {"inner.zip": inner}), tools)
    assert (nested.state, nested.reason) == ("rejected", opening.NESTED)


def test_a_bomb_costs_itself_and_is_not_unpacked_to_its_end(tmp_path, tools, monkeypatch):
    monkeypatch.setattr(opening, "MAX_BYTES", 3 * 2**20)
    path = zipped(tmp_path / "a.zip", {"a.png": picture(1), "bomb.png": bytes(2**28), "never.png": picture(2)})
    assert path.stat().st_size < 2**20
    first, cut = extracted(path, tools)
    assert first.data == picture(1)
    assert (cut.is_part, cut.state) == (True, "rejected")
    assert "unpacks to more than is read" in cut.reason


def test_a_size_that_is_understated_does_not_get_past_the_limit(tmp_path, tools, monkeypatch):
    monkeypatch.setattr(opening, "MAX_BYTES", 2**20)
    path = zipped(tmp_path / "a.zip", {"bomb.png": bytes(2**24)})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):  # uncompressed size, in both headers
        at = data.index(mark) + offset
        data[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    (missed,) = extracted(path, tools)
    assert isinstance(missed, Missed)
    assert missed.reason


def test_more_files_than_are_read_make_the_archive_partial(tmp_path, tools):
    path = zipped(tmp_path / "a.zip", {f"{number}.txt": b"" for number in range(10_001)}, zipfile.ZIP_STORED)
    (cut,) = extracted(path, tools)
    assert (cut.is_part, cut.reason) == (True, "Only 10000 of its 10001 files were read.")


def test_an_encrypted_file_is_told_and_the_others_are_read(tmp_path, tools):
    path = zipped(tmp_path / "a.zip", {"locked.png": picture(1), "open.png": picture(2)})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # general purpose flags
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    locked, good = extracted(path, tools)
    assert (locked.state, locked.reason) == ("rejected", "It is encrypted.")
    assert good.data == picture(2)


def test_a_damaged_file_costs_itself(tmp_path, tools):
    path = zipped(tmp_path / "a.zip", {"bad.png": picture(1), "good.png": picture(2)}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.index(picture(1)) + 500] ^= 0xFF
    path.write_bytes(data)
    bad, good = extracted(path, tools)
    assert (bad.state, bad.reason) == ("failed", "It is damaged inside the archive.")
    assert good.data == picture(2)


def test_hidden_files_and_what_a_mac_adds_are_passed_over(tmp_path, tools):
    path = zipped(tmp_path / "a.zip", {"__MACOSX/._a.png": b"x", ".hidden.png": picture(1), "a.png": picture(2)})
    assert names(path, extracted(path, tools)) == ["a.png"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "latin-1", "shift_jis"])
def test_a_name_in_any_encoding_is_a_name(tmp_path, tools, encoding):
    placeholder = "x" * len("röntgen".encode())
    path = zipped(tmp_path / "a.zip", {f"{placeholder}.png": picture()})
    raw = ("テスト" if encoding == "shift_jis" else "röntgen").encode(encoding).ljust(len(placeholder), b"_")
    path.write_bytes(path.read_bytes().replace(placeholder.encode(), raw))
    (found,) = extracted(path, tools)
    assert found.data == picture()
    assert str(found.place.path).encode()  # text that a row can hold
    if encoding in ("utf-8", "cp437"):
        assert "röntgen" in str(found.place.path)


def named(path: Path, raw: bytes) -> Path:
    """An archive of one picture whose name is these bytes, of no stated encoding."""
    placeholder = b"Q" * len(raw)
    path.write_bytes(zipped(path, {placeholder.decode(): picture()}).read_bytes().replace(placeholder, raw))
    return path


@pytest.mark.parametrize("name", ["発表.jpg", "フォルダ/図表.png", "ソ/表.png"])
def test_a_japanese_letter_is_not_split_where_its_second_half_is_a_backslash(tmp_path, tools, name):
    path = named(tmp_path / "a.zip", name.encode("cp932"))
    assert names(path, extracted(path, tools)) == [name]


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("功.png".encode("big5"), None),
        ("發功.png".encode("big5"), None),
        (b"\x82\\.png", "é\\.png"),
        (b"folder\\.film.png", "folder/.film.png"),
        (b"folder\\film.png", "folder/film.png"),
    ],
)
def test_no_picture_is_hidden_by_a_dot_behind_a_backslash(tmp_path, tools, raw, name):
    path = named(tmp_path / "a.zip", raw)
    (found,) = extracted(path, tools)
    assert found.data == picture()
    assert name in (None, *names(path, [found]))


@pytest.mark.parametrize("raw", [b"\x82\\..\\out.png", b"\x82\\..\\..\\out.png", b"..\\\x82\\out.png"])
def test_a_name_that_leads_out_behind_any_byte_is_refused(tmp_path, tools, raw):
    (refused,) = extracted(named(tmp_path / "a.zip", raw), tools)
    assert (refused.state, refused.reason) == ("rejected", "Its name leads out of the archive.")


@pytest.mark.parametrize("raw", [b".hidden\\a.png", b"__MACOSX\\._a.png", b"a/.hidden/\x82\\.png"])
def test_a_hidden_folder_is_hidden_with_backslashes_too(tmp_path, tools, raw):
    assert extracted(named(tmp_path / "a.zip", raw), tools) == []


def test_what_is_no_archive_is_one_sentence(tmp_path, tools):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(SourceError, match="table of contents"):
        extracted(tmp_path / "a.zip", tools)


def test_nothing_of_an_archive_is_left_behind(tmp_path, tools, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    path = zipped(tmp_path / "a.zip", {"a.png": picture(1), "b.dcm": CT.read_bytes(), "c.png": b"no picture"})
    assert len(extracted(path, tools)) == 3
    assert list(scratch.iterdir()) == []


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), st.floats(0.1, 1.0))
def test_a_damaged_archive_ends_in_pictures_or_reasons(tmp_path, tools, changes, share):
    data = bytearray(zipped(tmp_path / "a.zip", {"a.png": picture(1), "b/c.png": picture(2)}).read_bytes())
    data = data[: max(30, int(len(data) * share))]
    for position, value in changes:
        data[position % len(data)] = value
    (tmp_path / "a.zip").write_bytes(data)
    try:
        found = extracted(tmp_path / "a.zip", tools)
    except SourceError as error:
        assert str(error)
    else:
        assert all(isinstance(item, Candidate) or item.reason for item in found)
