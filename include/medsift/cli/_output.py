"""What commands print and write."""

import os
import sys
import tempfile
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from medsift.errors import NothingDoneError, UsageError
from medsift.paths import is_folder
from medsift.volume import write_atomically

PICTURE_FILES = ("folder", "dicom")


def write_output(path: Path, data: bytes) -> None:
    """Write a file whole, or standard output for `-`; raises `UsageError` where the file cannot be written."""
    if str(path) == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        write_atomically(path.absolute(), data)
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}.") from error


def show_verdicts(document: dict[str, Any]) -> None:
    """A table of verdicts by source (picture files by their folder), what could not be read, and the counts."""
    table = Table(box=None, header_style="bold")
    table.add_column("source", overflow="fold")
    for heading in ("found", "medical", "non-medical", "to review"):
        table.add_column(heading, justify="right")
    tallies = _tallies(document)
    for group, files in _groups(document).items():
        numbers = [
            sum(tallies[file["source"]][name] for file in files) for name in ("medical", "non-medical", "review")
        ]
        many = f"  ({len(files)} files)" if len(files) > 1 else ""
        table.add_row(group + many, str(sum(file["found"] for file in files)), *map(str, numbers))
    console = Console(highlight=False, markup=False)
    console.print(table)
    if any(len(_sources_of(picture)) > 1 for picture in document["pictures"]):
        console.print("A picture that stands in several sources is counted in each of them.", soft_wrap=True)
    show_unread(document["sources"])
    console.print(_counts(document["counts"]["pictures"]), soft_wrap=True)


def show_unread(sources: list[dict[str, Any]]) -> None:
    """Of each source that was not read whole, or in which nothing is, what became of it and why.

    `sources` is that part of a run's document.
    """
    console = Console(highlight=False, markup=False)
    for source in sources:
        if source["reason"]:
            console.print(f"{source['state']}: {_shown(source['source'])}: {source['reason']}", soft_wrap=True)


def _counts(pictures: dict[str, int]) -> str:
    return (
        f"\n{pictures['found']} pictures found, {pictures['kept']} kept: {pictures['medical']} medical, "
        f"{pictures['non_medical']} non-medical, {pictures['to_review']} of them to review; "
        f"{pictures['exact_duplicates']} exact duplicates, {pictures['rejected']} rejected, "
        f"{pictures['failed']} failed."
    )


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Sources as a person thinks of them: picture files of one folder together."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for source in document["sources"]:
        is_file = source["kind"] in PICTURE_FILES
        groups[_shown(str(Path(source["source"]).parent) + "/" if is_file else source["source"])].append(source)
    return groups


def _shown(source: str) -> str:
    """A path below the present folder without it, on one line and without what a terminal would obey."""
    shown = source.removeprefix(f"{Path.cwd()}/") or "./"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in shown)


def require_writable(*paths: Path | None) -> None:
    """Raise `UsageError` where an output file could not be written, before anything is done for it."""
    for path in paths:
        if path is None or str(path) == "-":
            continue
        folder = path.absolute().parent
        if is_folder(path):
            raise UsageError(f"Cannot write {path}: it is a folder.")
        if not is_folder(folder):
            raise UsageError(f"Cannot write {path}: there is no folder {folder}.")
        if not os.access(folder, os.W_OK):
            raise UsageError(f"Cannot write {path}: the folder {folder} may not be written.")
        try:
            _write_nothing_into(folder)
            with suppress(FileNotFoundError):
                path.stat()  # raises for a name that is too long
        except OSError as error:
            raise UsageError(f"Cannot write {path}: {error.strerror}.") from error


def require_writable_folder(folder: Path | None) -> None:
    """Raise `UsageError` where no output could be written into a folder, before anything is done for it.

    What is not there yet is made to see that it can be, and removed again.
    """
    if folder is None:
        return
    lacking = []
    try:
        lacking = [each for each in (folder.absolute(), *folder.absolute().parents) if not os.path.lexists(each)]
        folder.mkdir(parents=True, exist_ok=True)
        _write_nothing_into(folder)
    except OSError as error:
        raise UsageError(f"Cannot write into {folder}: {error.strerror}.") from error
    finally:
        for made in lacking:
            with suppress(OSError):
                made.rmdir()


def _write_nothing_into(folder: Path) -> None:
    """Only trying tells: of a file system without files, or read-only, root has the right to write everywhere."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def require_something_done(
    pictures: dict[str, int], sources: list[dict[str, Any]], rejected: list[dict[str, Any]]
) -> None:
    """Raise `NothingDoneError` where no picture was kept although one was there, or where there was nothing to read.

    The arguments are the parts `counts.pictures`, `sources` and `rejected` of a run's document.
    """
    failed = [source for source in sources if source["state"] == "failed"]
    is_anything_read = any(source["kind"] for source in sources)
    if pictures["kept"] or (is_anything_read and not failed and not rejected):
        return
    first = next(iter([*failed, *rejected, *sources]))
    raise NothingDoneError(f"Nothing could be done: {_shown(first['source'])}: {first['reason']}")


def _tallies(document: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Distinct pictures of each source by verdict."""
    tallies: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for picture in document["pictures"]:
        for source in _sources_of(picture):
            tallies[source][picture["verdict"]] += 1
            tallies[source]["review"] += picture["needs_review"]
    return tallies


def _sources_of(picture: dict[str, Any]) -> set[str]:
    return {occurrence["source"] for occurrence in picture["occurrences"]}
