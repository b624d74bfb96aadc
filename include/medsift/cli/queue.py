"""`medsift queue`: what a person should label next."""

from dataclasses import asdict, fields
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from medsift.cli._database import open_store
from medsift.cli._options import set_option
from medsift.cli._output import require_writable, write_output
from medsift.settings import Settings
from medsift.steps.report import csv_bytes
from medsift.store import QueuedPicture, SuspectedLabel

TO_LABEL = ("sha256", "worth", "verdict", "probability", "disagreement", "novelty", "review_reason")
CSV_COLUMNS = ["label", "predicted_kind", *(field.name for field in fields(QueuedPicture) if field.name != "kind")]
MOST = 1_000_000  # pictures that may be asked for
ROW_WIDTH = 240  # letters; a terminal that has fewer breaks lines after the identity, which is to be copied whole
SUSPECTED = ("sha256", "label", "labelled_by", "verdict", "probability")


@click.command(epilog="\b\nExamples:\n  medsift queue\n  medsift queue --limit 200 --csv queue.csv\n")
@click.option("--limit", default=20, type=click.IntRange(1, MOST), help="Pictures at most (default 20).")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="The queue as CSV instead; - prints.")
@set_option
def command(limit: int, csv_file: Path | None, settings: Settings) -> None:
    """List pictures whose label would teach most: unsure, disputed by voters, of clusters with few labels.

    Of near duplicates one is asked for, and like pictures take turns with others. Labels that the model set in use
    contradicts are listed too. Fill in the column label of the CSV, drop rows left empty, and `labels import`
    reads it.
    """
    require_writable(csv_file)
    with open_store(settings) as store:
        queue, suspected = store.review_queue(limit), store.suspected_labels(limit)
    if csv_file is not None:
        write_output(csv_file, csv_bytes(CSV_COLUMNS, [_csv_row(row) for row in queue]))
        return
    console = Console(highlight=False, markup=False, width=ROW_WIDTH)
    console.print(_table("to label", TO_LABEL, queue) if queue else "Nothing is waiting for a label.")
    if suspected:
        console.print(_table("labels that look wrong", SUSPECTED, suspected))


def _csv_row(row: QueuedPicture) -> dict[str, object]:
    """Under another name than `kind`, which `labels import` would take for the person's."""
    values = asdict(row)
    return {"label": "", "predicted_kind": values.pop("kind"), **values}


def _table(title: str, columns: tuple[str, ...], rows: list[QueuedPicture] | list[SuspectedLabel]) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_shown(getattr(row, column)) for column in columns))
    return table


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
