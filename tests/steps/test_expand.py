"""What people type becomes leaf sources, or a failed leaf with its reason; nothing raises."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from medsift.settings import Settings
from medsift.sources.folder import real_path, shown_name
from medsift.steps.expand import expand, inbox_sources
from medsift.volume import Volume

SETTINGS = Settings.load({}, {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "deep/c.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 30), name.__hash__() % 255).save(path)
    (tmp_path / "notes.doc").write_text("no picture")
    return tmp_path


def states(source: str | Path) -> dict[str, str]:
    return {Path(leaf.source).name: leaf.state for leaf in expand(str(source), SETTINGS).leaves}


def test_folder_is_searched_to_the_bottom_for_what_can_be_read(folder: Path) -> None:
    found = expand(str(folder), SETTINGS)
    assert [Path(leaf.source).name for leaf in found.leaves] == ["a.png", "b.png", "c.png"]
    assert found.skipped == 1


def test_glob_names_what_it_matches(folder: Path) -> None:
    assert states(folder / "*.png") == {"a.png": "new", "b.png": "new"}
    assert states(folder / "**/*.png") == {"a.png": "new", "b.png": "new", "c.png": "new"}
    assert states(folder / "*.pdf") == {"*.pdf": "failed"}


def test_list_file_names_sources_relative_to_itself(folder: Path) -> None:
    listed = folder / "list.txt"
    listed.write_text("# pictures\na.png\n\ndeep\nhttps://example.org/page\ngone.pdf\n")
    found = expand(str(listed), SETTINGS).leaves
    assert [(Path(leaf.source).name, leaf.kind, leaf.state) for leaf in found] == [
        ("a.png", "folder", "new"), ("c.png", "folder", "new"), ("page", "web", "new"), ("gone.pdf", "", "failed"),
    ]  # fmt: skip


def test_a_line_that_no_file_can_be_called_fails_alone(folder: Path) -> None:
    (folder / "list.txt").write_text(f"{300 * 'x'}.txt\n{300 * 'y'}\na.png\n")
    assert list(states(folder / "list.txt").values()) == ["failed", "failed", "new"]


def test_a_name_in_a_list_may_hold_what_ends_a_line_elsewhere(folder: Path) -> None:
    name = "a\u2028\x0cb.png"
    (folder / name).write_bytes((folder / "a.png").read_bytes())
    (folder / "list.txt").write_bytes(f"{name}\r\nb.png\r\n".encode())
    assert states(folder / "list.txt") == {name: "new", "b.png": "new"}


def test_list_that_names_itself_ends(folder: Path) -> None:
    listed = folder / "list.txt"
    listed.write_text("list.txt\na.png\n")
    assert states(listed) == {"list.txt": "failed", "a.png": "new"}


def test_list_that_names_nothing_is_an_empty_leaf(folder: Path) -> None:
    (folder / "list.txt").write_text("# nothing yet\n\n")
    (leaf,) = expand(str(folder / "list.txt"), SETTINGS).leaves
    assert (leaf.state, leaf.reason) == ("empty", "This list names no source.")


def test_watchlist_of_comments_is_nothing_for_the_night(folder: Path) -> None:
    volume = Volume(folder / "var")
    volume.prepare()
    volume.watchlist.write_text("# nothing yet\n")
    assert inbox_sources(SETTINGS, volume).leaves == []


def test_same_source_typed_twice_is_one_leaf(folder: Path) -> None:
    listed = folder / "list.txt"
    listed.write_text(f"a.png\n{folder}/deep/../a.png\n*.png\n")
    assert states(listed) == {"a.png": "new", "b.png": "new"}


def test_kind_is_told_by_content_not_by_ending(folder: Path) -> None:
    disguised = folder / "scan.dat"
    disguised.write_bytes((folder / "a.png").read_bytes())
    (leaf,) = expand(str(disguised), SETTINGS).leaves
    assert (leaf.kind, leaf.state) == ("folder", "new")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("gone.pdf", "no such file"), ("notes.doc", "Nothing here reads"), ("ftp://x/y", "Only http and https")],
)
def test_what_cannot_be_read_is_a_failed_leaf_with_its_reason(folder: Path, name: str, reason: str) -> None:
    (leaf,) = expand(name if "://" in name else str(folder / name), SETTINGS).leaves
    assert leaf.state == "failed"
    assert reason in leaf.reason


@pytest.mark.parametrize("address", ["https://anna:s3cret@example.org/a", "ftp://s3cret@example.org/?a=1"])
def test_address_with_credentials_is_refused_and_they_get_into_no_row(address: str) -> None:
    (leaf,) = expand(address, SETTINGS).leaves
    assert (leaf.state, leaf.reason) == ("failed", "Addresses with credentials are refused.")
    assert "s3cret" not in repr(leaf)
    assert leaf.source.endswith(("://example.org/a", "://example.org/"))


def test_empty_folder_is_an_empty_leaf(tmp_path: Path) -> None:
    (leaf,) = expand(str(tmp_path), SETTINGS).leaves
    assert leaf.state == "empty"


def test_links_out_of_a_folder_are_counted_in_a_row_of_the_folder(folder: Path, tmp_path_factory) -> None:
    linked = tmp_path_factory.mktemp("linked")
    for name in ("a.png", "b.png"):
        (linked / name).symlink_to(folder / name)
    (leaf,) = expand(str(linked), SETTINGS).leaves
    assert (leaf.source, leaf.state) == (str(linked), "failed")
    assert leaf.reason == "Links that lead out of this folder are not followed (2 of them); name what they lead to."
    (linked / "c.png").write_bytes((folder / "a.png").read_bytes())
    assert states(linked) == {"c.png": "new", linked.name: "failed"}


def test_pipe_is_refused_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert states(tmp_path / "pipe.png") == {"pipe.png": "failed"}


@given(st.text(max_size=40))
@hypothesis_settings(max_examples=200)
def test_nothing_that_can_be_typed_raises(typed: str) -> None:
    text = "x" + typed.replace("/", "_")  # below the present folder, so that no real disk is searched
    assert all(leaf.state in ("new", "failed", "empty") for leaf in expand(text, SETTINGS).leaves)


def test_inbox_leaves_what_is_too_young_and_reads_the_watchlist(folder: Path) -> None:
    volume = Volume(folder / "var")
    volume.prepare()
    for name, age in (("old.png", 120), ("young.png", 0)):
        (volume.inbox / name).write_bytes((folder / "a.png").read_bytes())
        os.utime(volume.inbox / name, (os.path.getmtime(folder / "a.png") - age,) * 2)  # noqa: PTH204
    volume.watchlist.write_text("https://example.org/atlas\n")
    found = inbox_sources(SETTINGS, volume)
    assert [Path(leaf.source).name for leaf in found.leaves] == ["old.png", "atlas"]
    assert found.too_young == 1


def test_name_that_is_no_text_is_shown_escaped_and_leads_to_the_file(folder: Path) -> None:
    os.link(folder / "a.png", os.fsencode(folder) + b"/r\xf6ntgen\xff.png")
    listed = folder / "list.txt"
    listed.write_bytes(b"r\xf6ntgen\xff.png\n")
    for source in (folder, listed):
        found = {leaf.source: leaf for leaf in expand(str(source), SETTINGS).leaves}
        leaf = found[f"{folder}/r\\xf6ntgen\\xff.png"]
        assert (leaf.state, leaf.kind, leaf.path) == ("new", "folder", leaf.source)
        assert real_path(leaf.source).read_bytes() == (folder / "a.png").read_bytes()


def test_list_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    (folder / "list.txt").write_text("a.png\n", encoding="utf-8-sig")
    assert states(folder / "list.txt") == {"a.png": "new"}


@given(st.binary(min_size=1, max_size=12).filter(lambda name: not {0, 47, 92} & set(name)))
def test_whatever_a_name_is_it_is_shown_as_text_and_found_again(name: bytes) -> None:
    path = f"/nowhere/{os.fsdecode(name)}"
    assert shown_name(path).encode()
    assert os.fsencode(real_path(shown_name(path))) == os.fsencode(Path(path))
