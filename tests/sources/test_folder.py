import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.contracts import Candidate, Leaf, Missed
from medsift.errors import SourceError
from medsift.pictures.heads import is_picture
from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import Tools
from medsift.sources.folder import FolderSource, leaf_files, links_out, read_head, regular_files
from medsift.sources.http import Door

EXTENSIONS = ["jpg", "png", "tif", "dcm"]


@pytest.fixture(scope="module")
def tools():
    settings = Settings(max_pixels=2_000_000)
    with Sandbox(Limits(timeout_s=30)) as sandbox:
        yield Tools(settings, sandbox, Door(settings))


def extracted(path: Path, tools: Tools) -> list[object]:
    return list(FolderSource().extract(Leaf(str(path), "folder", "", path=str(path)), tools))


def page(seed: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


def tiff(path: Path, *pages: Image.Image) -> Path:
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.png", "a.webp", "a.gif", "a.bmp", "a.jp2", "a.avif", "a.tif", "wrong.tif.jpg"]
)
def test_a_single_picture_comes_as_found(tmp_path, tools, name):
    path = tmp_path / name
    page(1).save(path, "PNG" if name.startswith("wrong") else None)
    (candidate,) = extracted(path, tools)
    assert isinstance(candidate, Candidate)
    assert (candidate.data, candidate.is_rebuilt) == (path.read_bytes(), False)
    assert (candidate.place.path, candidate.place.frame) == (str(path), None)
    assert FolderSource().recognises("no ending", path.read_bytes()[:4096])


def test_an_animation_is_one_picture_as_found(tmp_path, tools):
    page(1).save(tmp_path / "a.gif", save_all=True, append_images=[page(2)])
    (candidate,) = extracted(tmp_path / "a.gif", tools)
    assert candidate.data == (tmp_path / "a.gif").read_bytes()


def test_every_page_of_a_tiff_is_a_picture(tmp_path, tools):
    pages = [page(1), page(2, (30, 90)), page(3).convert("L")]
    found = extracted(tiff(tmp_path / "a.tif", *pages), tools)
    assert [candidate.place.frame for candidate in found] == [1, 2, 3]
    assert all(candidate.is_rebuilt for candidate in found)
    for candidate, original in zip(found, pages, strict=True):
        assert (np.asarray(Image.open(io.BytesIO(candidate.data))) == np.asarray(original)).all()


def test_a_smaller_copy_inside_a_tiff_is_no_picture_of_its_own(tmp_path, tools):
    small = page(1).resize((15, 10))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    found = extracted(tiff(tmp_path / "a.tif", page(1), small), tools)
    assert [candidate.is_rebuilt for candidate in found] == [False]


@pytest.mark.parametrize("kind", [1, 4])
def test_a_preview_before_its_page_and_a_mask_of_one_are_no_pictures_of_their_own(tmp_path, tools, kind):
    whole = page(1)
    whole.encoderinfo = {"tiffinfo": {}}
    page(2).resize((15, 10)).save(tmp_path / "a.tif", save_all=True, append_images=[whole], tiffinfo={254: kind})
    (found,) = extracted(tmp_path / "a.tif", tools)
    assert (np.asarray(Image.open(io.BytesIO(found.data))) == np.asarray(whole)).all()


def test_the_whole_pages_of_a_stack_cut_short_are_had_and_the_loss_is_told(tmp_path, tools):
    path = tiff(tmp_path / "a.tif", *(page(n) for n in range(4)))
    data, table = path.read_bytes(), 4
    for _ in range(3):  # to where the third page is described
        (start,) = struct.unpack_from("<I", data, table)
        table = start + 2 + 12 * struct.unpack_from("<H", data, start)[0]
    path.write_bytes(data[:start])
    *pages, lost = extracted(path, tools)
    assert [(one.place.frame, type(one)) for one in pages] == [(1, Candidate), (2, Candidate)]
    told = "Pages from 3 on cannot be reached: the TIFF is damaged or cut short."
    assert (lost.is_part, lost.reason) == (True, told)


def test_a_page_of_a_kind_that_is_not_read_costs_itself(tmp_path, tools):
    bits = struct.Struct("<HHII")
    floats = Image.fromarray(np.zeros((32, 32), np.float32))
    path = tiff(tmp_path / "a.tif", page(1), floats, page(2))
    path.write_bytes(path.read_bytes().replace(bits.pack(258, 3, 1, 32), bits.pack(258, 3, 1, 64)))
    found = extracted(path, tools)
    assert [(one.place.frame, type(one)) for one in found] == [(1, Candidate), (2, Missed), (3, Candidate)]


def test_a_page_too_large_is_rejected_and_the_others_are_had(tmp_path, tools):
    large = Image.new("1", (2000, 1100))
    found = extracted(tiff(tmp_path / "a.tif", page(1), large, page(2)), tools)
    assert [type(item) for item in found] == [Candidate, Missed, Candidate]
    assert (found[1].place.frame, found[1].state) == (2, "rejected")


def test_a_tiff_cut_short_never_gives_half_a_page(tmp_path, tools):
    path = tiff(tmp_path / "a.tif", *(page(n) for n in range(3)))
    data = path.read_bytes()
    for share in (10, 40, 70, 95):
        path.write_bytes(data[: len(data) * share // 100])
        for item in extracted(path, tools):
            if isinstance(item, Candidate) and item.is_rebuilt:
                number = item.place.frame - 1
                assert (np.asarray(Image.open(io.BytesIO(item.data))) == np.asarray(page(number))).all()


@pytest.mark.parametrize(("data", "reason"), [(b"", "empty"), (b"%PDF-1.7 not a picture", "no picture"),
                                              (b"BM is how this letter begins", "no picture")])  # fmt: skip
def test_a_file_whose_ending_lies_is_rejected_with_its_reason(tmp_path, tools, data, reason):
    (tmp_path / "a.jpg").write_bytes(data)
    (missed,) = extracted(tmp_path / "a.jpg", tools)
    assert (missed.state, missed.is_part) == ("rejected", False)
    assert reason in missed.reason
    assert not is_picture(data)


def test_a_pipe_is_reported_and_not_waited_for(tmp_path, tools):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(SourceError, match="not a regular file"):
        extracted(tmp_path / "a.png", tools)
    with pytest.raises(SourceError, match="not a regular file"):
        read_head(Path("/dev/zero"))


def test_a_file_that_is_gone_is_one_sentence(tmp_path, tools):
    with pytest.raises(SourceError, match="no such file"):
        extracted(tmp_path / "gone.png", tools)


def test_a_folder_gives_its_files_of_allowed_endings_sorted(tmp_path):
    for name in ("b.PNG", "a.jpg", "notes.txt", ".hidden.png", "sub/c.tif", ".git/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [str(path.relative_to(tmp_path)) for path in leaf_files(tmp_path, EXTENSIONS)] == [
        "a.jpg", "b.PNG", "sub/c.tif",
    ]  # fmt: skip
    assert len(list(regular_files(tmp_path))) == 4


@pytest.mark.parametrize("name", ["a.jfif", "a.jp2", "a.JPEG", "a.tif", "a.webp", "a.bmp", "a.avif"])
def test_a_folder_is_searched_for_every_format_that_is_read_on_disk(tmp_path, name):
    (tmp_path / name).write_bytes(b"whatever")
    assert list(leaf_files(tmp_path, Settings().allowed_extensions)) == [tmp_path / name]


def test_a_tiff_of_a_kind_that_is_not_read_is_not_called_damaged(tmp_path, tools):
    path, bits = tmp_path / "double.tif", struct.Struct("<HHII")  # the entry of tag 258, BitsPerSample
    Image.fromarray(np.zeros((32, 32), np.float32)).save(path)
    path.write_bytes(path.read_bytes().replace(bits.pack(258, 3, 1, 32), bits.pack(258, 3, 1, 64)))
    (missed,) = extracted(path, tools)
    assert (missed.state, missed.reason) == ("failed", "It is a TIFF of a kind that is not read, or damaged.")


@pytest.mark.parametrize("name", ["IM0001", "1.2.840.113619.2", "scan.ima"])
def test_dicom_is_found_by_content_whatever_its_name(tmp_path, name):
    (tmp_path / name).write_bytes(bytes(128) + b"DICM" + bytes(20))
    assert list(leaf_files(tmp_path, EXTENSIONS)) == [tmp_path / name]
    assert list(leaf_files(tmp_path, ["png"])) == []


def test_links_out_of_the_folder_pipes_and_circles_are_passed_over(tmp_path):
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"x")
    (folder / "real.png").write_bytes(b"x")
    (folder / "link.png").symlink_to("real.png")
    (folder / "secret.png").symlink_to(outside / "secret.png")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "up").symlink_to("..")
    (folder / "outside").symlink_to(outside)
    os.mkfifo(folder / "pipe.png")
    assert [path.name for path in leaf_files(folder, EXTENSIONS)] == ["link.png", "real.png"]
    assert [path.name for path in links_out(folder)] == ["outside", "secret.png", "up"]


def test_a_folder_that_is_itself_a_link_is_read(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    assert list(leaf_files(tmp_path / "link", EXTENSIONS)) == [tmp_path / "link" / "a.png"]
