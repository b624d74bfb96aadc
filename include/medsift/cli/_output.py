"""What commands print and write."""

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from medsift.errors import NothingDoneError, UsageError
from medsift.volume import write_atomically


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
    """A table of verdicts by source, and the counts under it."""
    table = Table(box=None, header_style="bold")
    for heading in ("source", "state"):
        table.add_column(heading, overflow="fold")
    for heading in ("medical", "non-medical", "to review", "found"):
        table.add_column(heading, justify="right")
    tallies = _tallies(document)
    for source in document["sources"]:
        tally = tallies[source["source"]]
        state = f"{source['state']}: {source['reason']}" if source["reason"] else source["state"]
        numbers = (tally["medical"], tally["non-medical"], tally["review"], source["found"])
        table.add_row(source["source"], state, *map(str, numbers))
    Console(highlight=False).print(table)
    pictures = document["counts"]["pictures"]
    click.echo(
        f"\n{pictures['found']} pictures found, {pictures['kept']} kept: {pictures['medical']} medical, "
        f"{pictures['non_medical']} non-medical, {pictures['to_review']} of them to review; "
        f"{pictures['exact_duplicates']} exact duplicates, {pictures['rejected']} rejected, "
        f"{pictures['failed']} failed."
    )


def require_something_done(document: dict[str, Any]) -> None:
    """Raise `NothingDoneError` where every source failed."""
    sources = document["counts"]["sources"]
    if sources["given"] and sources["failed"] == sources["given"]:
        first = document["sources"][0]
        raise NothingDoneError(f"Nothing could be done: {first['source']}: {first['reason']}")


def _tallies(document: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Distinct pictures of each source by verdict."""
    tallies: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for picture in document["pictures"]:
        for source in {occurrence["source"] for occurrence in picture["occurrences"]}:
            tallies[source][picture["verdict"]] += 1
            tallies[source]["review"] += picture["needs_review"]
    return tallies
