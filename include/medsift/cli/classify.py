"""`medsift classify`: a folder of pictures, one row each."""

from pathlib import Path

import click

from medsift.cli._options import settings_options
from medsift.cli._output import require_something_done, require_writable, write_output
from medsift.cli._progress import StepProgress
from medsift.settings import Settings
from medsift.steps import local_context
from medsift.steps.pictures_of_folder import classify_folder
from medsift.steps.report import csv_bytes


@click.command(epilog="\b\nExamples:\n  medsift classify pictures/ --csv pictures.csv\n")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--csv", "csv_file", required=True, type=click.Path(path_type=Path), help="One row a picture; - prints.")
@settings_options
def command(folder: Path, csv_file: Path, settings: Settings) -> None:
    """Say of each picture in FOLDER (searched to the bottom) whether it is medical, of what kind, how sure."""
    require_writable(csv_file)
    with StepProgress() as progress, local_context(settings, [str(folder)], progress=progress) as context:
        columns, rows, result = classify_folder(context, folder)
    write_output(csv_file, csv_bytes(columns, rows))
    pictures = result.counts()["pictures"]
    if str(csv_file) != "-":
        click.echo(
            f"{len(rows)} rows in {csv_file}: {pictures['medical']} medical and {pictures['non_medical']} non-medical "
            f"pictures, {pictures['to_review']} of them to review."
        )
    not_kept = [{"source": row["path"], **row} for row in rows if row["state"] in ("rejected", "failed")]
    require_something_done(pictures, [], not_kept)
