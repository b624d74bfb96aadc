"""The command line as scripts and people meet it: output, exit status, one sentence for what is wrong."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

import medsift
from medsift.cli import root
from medsift.topology.postgres import Urls
from tests.cli.commands import medsift_command, rows_of

LONG = 300 * "x"  # no file system takes such a name


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import sklearn.datasets

    folder = tmp_path_factory.mktemp("photographs")
    images = Path(sklearn.datasets.__file__).parent / "images"
    shutil.copy(images / "china.jpg", folder / "one.jpg")
    shutil.copy(images / "flower.jpg", folder / "=two.jpg")
    (folder / "deep").mkdir()
    shutil.copy(images / "flower.jpg", folder / "deep" / "twin.jpg")
    (folder / "notes.txt").write_text("https://example.org/never-fetched")
    return folder


def test_version_is_the_packages(tmp_path: Path) -> None:
    assert medsift_command("--version", cwd=tmp_path).stdout.strip() == f"medsift, version {medsift.__version__}"


def all_commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from all_commands(inner, click.Context(inner, parent=context, info_name=name))


COMMANDS = {path: rest for path, *rest in all_commands(root, click.Context(root, info_name="medsift"))}


@pytest.mark.parametrize("path", COMMANDS)
def test_help_of_every_command_has_examples_of_it(path: str) -> None:
    command, context = COMMANDS[path]
    _, _, examples = command.get_help(context).partition("Examples:\n")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert any(line.startswith(path) for line in lines), lines


@pytest.mark.parametrize(
    "path", [path for path, (command, _) in COMMANDS.items() if not isinstance(command, click.Group)]
)
def test_every_command_takes_any_setting(path: str) -> None:
    assert "--set" in {name for option in COMMANDS[path][0].params for name in option.opts}


def test_help_is_printed_by_the_command_itself(tmp_path: Path) -> None:
    assert "Examples:" in medsift_command("sort", "--help", cwd=tmp_path).stdout


def test_a_setting_given_to_status_says_which_stack_is_meant(tmp_path: Path) -> None:
    done = medsift_command("stack", "status", "--set", "volume=there", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "The stack is down. `make up` starts it.\n")
    wrong = medsift_command("stack", "status", "--set", "volumes=there", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr[:24]) == (2, "medsift: Setting volumes")


def test_classify_writes_one_row_a_file_with_paths_as_in_the_folder(photographs: Path, tmp_path: Path) -> None:
    done = medsift_command("classify", photographs, "--csv", "rows.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {row["path"]: row for row in rows_of(tmp_path / "rows.csv")}
    assert set(rows) == {"one.jpg", "=two.jpg", "deep/twin.jpg", "notes.txt"}
    assert rows["one.jpg"]["verdict"] == "non-medical"
    assert {rows["=two.jpg"]["state"], rows["deep/twin.jpg"]["state"]} == {"kept", "exact_duplicate"}
    assert rows["deep/twin.jpg"]["probability"] == rows["=two.jpg"]["probability"]
    assert rows["notes.txt"]["state"] == "rejected"
    assert rows["notes.txt"]["reason"]
    columns = list(rows["one.jpg"])
    assert columns[:11] == [
        "path", "frame", "sha256", "state", "reason", "verdict", "probability", "confidence", "kind", "needs_review",
        "near_duplicate_of",
    ]  # fmt: skip
    assert [name for name in columns[11:] if name.startswith("cluster_")]
    voters = ["caption", "clusters", "dicom", "kernel", "kinds", "learned", "neighbours", "zero_shot"]
    assert columns[-len(voters) :] == [f"vote_{voter}" for voter in voters]


def test_classify_has_a_row_for_a_link_out_of_the_folder(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "one.jpg").symlink_to(photographs / "one.jpg")
    done = medsift_command("classify", "links", "--csv", "rows.csv", cwd=tmp_path)
    assert done.returncode == 1
    (row,) = rows_of(tmp_path / "rows.csv")
    assert (row["path"], row["state"], row["reason"]) == (
        "one.jpg", "rejected", "It is a link out of the folder, which is not followed.",
    )  # fmt: skip


def test_extract_writes_pictures_and_a_manifest(photographs: Path, tmp_path: Path) -> None:
    done = medsift_command("extract", photographs / "one.jpg", "--out", "pictures", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(tmp_path / "pictures" / "manifest.csv")
    assert row["file"] == "one_1.jpg"
    written, found = Image.open(tmp_path / "pictures" / "one_1.jpg"), Image.open(photographs / "one.jpg")
    assert np.array_equal(np.asarray(written), np.asarray(found))


def test_folders_may_be_named_by_a_way_around(photographs: Path, tmp_path: Path) -> None:
    around = photographs / "deep" / ".."
    assert medsift_command("classify", around, "--csv", "rows.csv", cwd=tmp_path).returncode == 0
    assert {row["path"]: row["state"] for row in rows_of(tmp_path / "rows.csv")}["one.jpg"] == "kept"
    (tmp_path / "m.csv").write_text("file,label\ndeep/../one.jpg,non-medical\n./one.jpg,non-medical\n")
    done = medsift_command("evaluate", "--manifest", "m.csv", "--root", around, "--out", "out", cwd=tmp_path)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["undecided"], metrics["accuracy"]) == (0, 1.0), done.stderr


def test_json_on_standard_output_is_nothing_but_json(photographs: Path, tmp_path: Path) -> None:
    done = medsift_command("sort", photographs / "one.jpg", "--json", "-", cwd=tmp_path)
    assert json.loads(done.stdout)["counts"]["pictures"]["kept"] == 1


def test_sort_leaves_nothing_behind_but_what_was_asked_for(photographs: Path, tmp_path: Path) -> None:
    medsift_command("sort", photographs / "one.jpg", "--csv", "v.csv", cwd=tmp_path, TMPDIR=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("torch")] == ["v.csv"]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["sort", "gone.pdf"], 1, "Nothing could be done: "),
        (["sort", "x.pdf", "--device", "gpu"], 2, "Setting device = 'gpu': allowed is 'auto', 'cpu' or 'cuda'."),
        (["sort", "x.pdf", "--set", "colour=red"], 2, "Setting colour = 'red': allowed is one of allowed_extensions"),
        (["sort", "x.pdf", "--profile", "huge"], 2, "Setting profile = 'huge': allowed is one of clip, lite."),
        (["sort", "x.pdf", "--prompt-set", "huge"], 2, "Setting prompt_set = 'huge': allowed is one of"),
        (["sort"], 2, "Missing argument"),
        (["sort", " "], 2, "A source is empty."),
        (["extract", "", "--out", "x"], 2, "A source is empty."),
        (["stack", "run", ""], 2, "A source is empty."),
        (["classify", "nowhere", "--csv", "x.csv"], 2, "nowhere is not a folder."),
        (["export", "--csv", "x.csv"], 1, "No database is up. Start the embedded stack with `make up`"),
        (["db", "url"], 1, "No database is up. Start the embedded stack with `make up`"),
        (["sort", "x.pdf", "--store"], 1, "No database is up."),
        (["classify", LONG, "--csv", "x.csv"], 2, f"{LONG} is not a folder."),
        (["explain", LONG], 2, f"{LONG} is neither the SHA-256 of a picture"),
        (["modelset", "fit", LONG], 2, f"{LONG} is not a folder."),
        (["sort", "x.pdf", "--csv", f"{LONG}/x.csv"], 2, "there is no folder"),
        (["queue", "--csv", "no/x.csv"], 2, "Cannot write no/x.csv: there is no folder"),
        (["export", "--csv", "no/x.csv"], 2, "Cannot write no/x.csv: there is no folder"),
        (["labels", "export", "--csv", "no/x.csv"], 2, "Cannot write no/x.csv: there is no folder"),
        (["sort", "x.pdf", "--csv", LONG], 2, "File name too long."),
        (["sort", "x.pdf", "--out", LONG], 2, "File name too long."),
        (["sort", "x.pdf", "--csv", "."], 2, "Cannot write .: it is a folder."),
        (["classify", ".", "--csv", "."], 2, "Cannot write .: it is a folder."),
        (["extract", "x.pdf", "--out", "/proc/x"], 2, "Cannot write into /proc/x: No such file or directory."),
        (["evaluate", "--manifest", "no.csv", "--root", ".", "--out", "/proc/x"], 2, "Cannot write into /proc/x: "),
        (["ablate", "--manifest", "no.csv", "--root", ".", "--out", "/proc/x"], 2, "Cannot write into /proc/x: "),
        (["sort", "x.pdf", "--set", f"prompts_dir={LONG}"], 2, "allowed is a folder in"),
        (["ablate", "--manifest", "no.csv", "--root", ".", "--out", "x"], 2, "The manifest no.csv cannot be read"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_an_exit_status(
    arguments: list[str], status: int, sentence: str, tmp_path: Path
) -> None:
    done = medsift_command(*arguments, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture
def bad_pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (folder / "empty.png").touch()
    return folder


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["sort", "bad/empty.png"], "empty.png: The file is empty."),
        (["sort", "bad"], "cut.jpg: "),
        (["sort", "nothing"], "nothing: There is no picture or document in this folder."),
        (["extract", "bad", "--out", "out"], "cut.jpg: "),
        (["classify", "bad", "--csv", "out.csv"], "cut.jpg: "),
        (["evaluate", "--manifest", "m.csv", "--root", "bad", "--out", "out"], "gone.jpg: There is no such file."),
    ],
)
def test_where_no_picture_could_be_had_the_status_is_1_and_a_reason_is_told(
    arguments: list[str], reason: str, bad_pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "m.csv").write_text("file,label\ngone.jpg,medical\nempty.png,medical\n")
    done = medsift_command(*arguments, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stderr.splitlines()[-1]
    assert said.startswith("medsift: Nothing could be done: ")
    assert reason in said


def test_a_document_in_which_no_picture_stands_was_read(tmp_path: Path) -> None:
    import pymupdf

    with pymupdf.open() as document:
        document.new_page()
        document.save(tmp_path / "words.pdf")
    assert medsift_command("sort", "words.pdf", cwd=tmp_path).returncode == 0


@pytest.mark.postgres
def test_labels_may_name_the_files_that_extract_wrote(database: Urls, tmp_path: Path) -> None:
    import pydicom.data

    shutil.copy(str(pydicom.data.get_testdata_file("CT_small.dcm", download=False)), tmp_path)
    environment = {"MEDSIFT_DATABASE_URL": database.task}
    for arguments in (["sort", "CT_small.dcm", "--store"], ["extract", "CT_small.dcm", "--out", "out"]):
        assert medsift_command(*arguments, cwd=tmp_path, **environment).returncode == 0
    (tmp_path / "labels.csv").write_text("path,label\nout/CT_small_1.png,medical\n")
    done = medsift_command("labels", "import", "labels.csv", "--by", "anna", cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 labels added, 0 were there, 0 of unknown pictures.\n"
    again = medsift_command("labels", "import", "labels.csv", "--by", "anna", cwd=tmp_path, **environment)
    assert again.stdout == "0 labels added, 1 were there, 0 of unknown pictures.\n"


@pytest.mark.postgres
def test_labels_of_unknown_pictures_are_told_by_row_and_none_added_is_status_1(
    database: Urls, photographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text(f"path,label\n{photographs}/one.jpg,medical\n")
    arguments = ("labels", "import", "labels.csv", "--by", "anna")
    done = medsift_command(*arguments, cwd=tmp_path, MEDSIFT_DATABASE_URL=database.task)
    assert done.returncode == 1
    assert f"row 1: {photographs}/one.jpg is not known" in done.stderr
    assert "medsift: Nothing could be done: no picture of labels.csv is known." in done.stderr


def test_settings_that_are_not_given_are_blank(tmp_path: Path) -> None:
    rows = [line.split("\t") for line in medsift_command("settings", cwd=tmp_path).stdout.splitlines()]
    values = {row[0]: row[1] for row in rows}
    assert [values[name] for name in ("weights_ca_file", "database_url", "source_roots")] == ["", "", ""]
    assert values["min_image_size"] == "web=200, pdf=64, folder=16, dicom=16"


@pytest.mark.parametrize(("names", "is_told"), [(["one.jpg", "deep"], True), (["one.jpg", "=two.jpg"], False)])
def test_table_says_so_where_a_picture_is_counted_in_several_sources(
    names: list[str], is_told: bool, photographs: Path, tmp_path: Path
) -> None:
    shutil.copy(photographs / "one.jpg", tmp_path / "one.jpg")
    shutil.copy(photographs / "=two.jpg", tmp_path / "=two.jpg")
    (tmp_path / "deep").mkdir()
    shutil.copy(photographs / "one.jpg", tmp_path / "deep" / "twin.jpg")
    done = medsift_command("sort", *names, cwd=tmp_path)
    assert ("A picture that stands in several sources is counted in each of them." in done.stdout) is is_told


def test_interrupted_sort_keeps_what_was_done_and_the_same_command_goes_on(tmp_path: Path) -> None:
    import sklearn.datasets

    images = Path(sklearn.datasets.__file__).parent / "images"
    for number in range(200):
        (tmp_path / f"{number}.jpg").write_bytes((images / "flower.jpg").read_bytes() + bytes([number]))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(scratch)}
    command = [sys.executable, "-m", "medsift.cli", "sort", "*.jpg", "--json", "out.json"]
    child = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    while not list(scratch.glob("medsift-*/runs/*/extract/*.parquet")):
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    assert "interrupted; what was done is kept" in child.communicate(timeout=60)[1]
    assert child.returncode == 130
    (kept,) = scratch.glob("medsift-*")
    extracted = {path: path.stat().st_mtime_ns for path in kept.glob("runs/*/extract/*.parquet")}
    assert extracted
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300)
    assert json.loads((tmp_path / "out.json").read_text())["counts"]["pictures"]["kept"] == 200
    assert not list(scratch.glob("medsift-*"))
