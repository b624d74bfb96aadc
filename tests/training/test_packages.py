"""Pictures that packages carry and that are trained on: which of an archive are taken, and from which archive alone."""

import csv
import hashlib
import tarfile
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
CAPTIONS = tomllib.loads((ROOT / "tools" / "alignment" / "captions.toml").read_text(encoding="utf-8"))
LARGE, SMALL = (80, 64), (80, 63)

WriteTable = Callable[..., None]


@pytest.fixture
def found(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from alignment import found

    return found


@pytest.fixture
def archive(tmp_path) -> Path:
    """Pictures a to e, one that is too small, and a text."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate("ebdca"):
        Image.new("LA", LARGE, (number, 0)).save(folder / f"{name}.png")
    Image.new("LA", SMALL).save(folder / "b2.png")
    (folder / "notes.txt").write_text("no picture")
    with tarfile.open(tmp_path / "package.tar.gz", "w:gz") as tar:
        tar.add(folder, "package-1/pictures")
    return tmp_path / "package.tar.gz"


@pytest.fixture
def write_table(found, archive, tmp_path, monkeypatch) -> Iterator[WriteTable]:
    """Writes the table of that archive, which a server has: of the pictures `every` second, and what else is said."""
    (tmp_path / "tables").mkdir()
    monkeypatch.setattr(found, "TABLES", tmp_path / "tables")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

        def write(more: str = "", digest: str = hashlib.sha256(archive.read_bytes()).hexdigest()) -> None:
            (tmp_path / "tables" / "some.toml").write_text(f"""
                [[archives]]
                source = "package"
                address = "http://127.0.0.1:{server.server_port}/package.tar.gz"
                sha256 = "{digest}"
                licence = "MIT"
                pictures = [{{ label = "non-medical", kind = "map", every = 2, members = ["*/pictures/*"]{more} }}]
            """)

        yield write
        server.shutdown()


def names(rows) -> list[str]:
    return [Path(file).name for file in rows["file"]]


def test_pictures_of_packages_have_captions_and_are_in_no_fold(found):
    with (ROOT / "tools" / "folds.csv").open() as file:
        judged = {row["source"] for row in csv.DictReader(file)}
    archives = found.read_tables()
    assert len({archive["source"] for archive in archives}) == len(archives)
    for archive in archives:
        assert archive["source"] not in judged
        assert archive["licence"]
        for group in archive["pictures"]:
            assert CAPTIONS[group["label"]][group["kind"]]


@pytest.mark.corpus
def test_captions_of_a_source_are_of_the_corpus_or_of_a_package(found):
    with (CORPUS / "manifest.csv").open(encoding="utf-8") as file:
        known = {row["source"] for row in csv.DictReader(file)} | {each["source"] for each in found.read_tables()}
    assert set(CAPTIONS["sources"]) <= known


def test_each_nth_picture_that_is_large_enough_is_taken_in_the_order_of_names_and_kept(
    found, archive, write_table, tmp_path
):
    write_table()
    rows = found.found_pictures(tmp_path / "cache")
    assert names(rows) == ["a.png", "c.png", "e.png"]
    assert set(rows["kind"]) == {"map"} and set(rows["licence"]) == {"MIT"} and set(rows["source"]) == {"package"}
    archive.unlink()
    assert list(found.found_pictures(tmp_path / "cache")["file"]) == list(rows["file"])


def test_pictures_of_a_table_count_less_where_it_says_so(found, write_table, tmp_path):
    write_table()
    assert set(found.found_pictures(tmp_path / "cache")["counts"]) == {1.0}
    table = tmp_path / "tables" / "some.toml"
    table.write_text(f"counts = 0.25\n{table.read_text()}")
    rows = found.found_pictures(tmp_path / "cache")
    assert set(rows["counts"]) == {0.25}


def test_what_the_table_excepts_is_not_taken(found, write_table, tmp_path):
    write_table(', but = ["*/a.png", "*/d.png"]')
    assert names(found.found_pictures(tmp_path / "cache")) == ["b.png", "e.png"]


def test_what_is_transparent_is_filled_where_the_table_says_with_what(found, write_table, tmp_path):
    write_table(', ground = "black"')
    for file in found.found_pictures(tmp_path / "cache")["file"]:
        with Image.open(file) as filled:
            assert (filled.mode, filled.getpixel((0, 0))) == ("RGB", (0, 0, 0))


def test_an_archive_of_another_digest_is_refused_with_both_and_leaves_nothing(found, archive, write_table, tmp_path):
    write_table(digest="0" * 64)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=rf"has digest {digest}, expected {'0' * 64}"):
        found.found_pictures(tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
