"""`medsift labels`: what people say of pictures, in and out as CSV."""

from pathlib import Path

import click

from medsift.cli._database import open_store
from medsift.cli._options import settings_options
from medsift.cli._output import require_writable, write_output
from medsift.errors import NothingDoneError
from medsift.settings import Settings
from medsift.steps.label_files import labels_csv, read_labels

SHOWN_UNKNOWN = 10


@click.group(
    epilog="\b\nExamples:\n  medsift labels import labels.csv --by anna\n  medsift labels export --csv labels.csv\n"
)
def command() -> None:
    """Labels of people: only ever added, the newest counts, and it wins over every verdict."""


@command.command("import", epilog="\b\nExamples:\n  medsift labels import labels.csv --by anna\n")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--by", "labelled_by", default="", help="Who labelled, where the file has no column labelled_by.")
@settings_options
def import_command(file: Path, labelled_by: str, settings: Settings) -> None:
    """Add labels from a CSV with columns sha256 (or path, a picture file), label and, if known, kind, labelled_by.

    label is medical, non-medical or unsure. A path is relative to the CSV; pictures of PDFs and DICOM files are named
    by their sha256, or by the path of a file that `medsift extract` or `export` wrote. A label that says what the same
    person said last of the picture is not added again, unless a column labelled_at says when it was given.
    """
    rows = read_labels(file, labelled_by)
    with open_store(settings) as store:
        outcome = store.add_labels([row.label for row in rows])
    click.echo(
        f"{outcome.added} labels added, {outcome.repeated} were there, {len(outcome.unknown)} of unknown pictures."
    )
    strangers = set(outcome.unknown)
    unknown = [row for row in rows if row.label.sha256 in strangers]
    for row in unknown[:SHOWN_UNKNOWN]:
        click.echo(f"row {row.number}: {row.name} is not known", err=True)
    if len(unknown) > SHOWN_UNKNOWN:
        click.echo(f"and {len(unknown) - SHOWN_UNKNOWN} more", err=True)
    if not outcome.added and not outcome.repeated:
        raise NothingDoneError(f"Nothing could be done: no picture of {file} is known.")


@command.command("export", epilog="\b\nExamples:\n  medsift labels export --csv labels.csv\n")
@click.option("--csv", "csv_file", default="-", type=click.Path(path_type=Path), help="Where to; - prints (default).")
@settings_options
def export_command(csv_file: Path, settings: Settings) -> None:
    """Write the newest label of each labelled picture as CSV that `labels import` reads."""
    require_writable(csv_file)
    with open_store(settings) as store:
        write_output(csv_file, labels_csv(label for label in store.newest_labels().values() if not label.is_withdrawn))
