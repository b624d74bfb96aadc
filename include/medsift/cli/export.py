"""`medsift export`: labelled pictures out of Postgres."""

from pathlib import Path

import click

from medsift.cli._database import open_store
from medsift.cli._options import settings_options
from medsift.cli._output import require_writable, write_output
from medsift.errors import UsageError
from medsift.settings import Settings
from medsift.steps.export import export_csv, export_folders
from medsift.store import PictureFilter
from medsift.volume import Volume

EPILOG = """\b
Examples:
  medsift export --csv pictures.csv
  medsift export --folders sorted/ --label medical --min-confidence 0.95
"""


@click.command(epilog=EPILOG)
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="One row a picture; - prints.")
@click.option("--folders", type=click.Path(path_type=Path, file_okay=False), help="Pictures by label, manifest.csv.")
@click.option("--label", type=click.Choice(["medical", "non-medical"]), help="Only these.")
@click.option("--kind", help="Only this modality or type.")
@click.option("--min-confidence", type=click.FloatRange(0.0, 1.0), help="Only verdicts at least so sure.")
@click.option("--review/--no-review", "needs_review", default=None, help="Only those that (do not) need review.")
@click.option("--source", help="Only pictures of this source.")
@click.option("--run", help="Only pictures of this run.")
@settings_options
def command(csv_file: Path | None, folders: Path | None, settings: Settings, **filters: str | float | bool) -> None:
    """Export pictures with their label: a person's where there is one, else the model's verdict."""
    if (csv_file is None) == (folders is None):
        raise UsageError("Give --csv FILE or --folders DIR.")
    require_writable(csv_file)
    with open_store(settings) as store:
        rows = store.export_rows(PictureFilter(**filters))  # type: ignore[arg-type]  # click made them of these types
        if csv_file is not None:
            write_output(csv_file, export_csv(rows))
        if folders is not None:
            written, missing = export_folders(Volume(settings.volume), rows, folders)
            click.echo(f"{written} pictures in {folders}; {missing} are not on this volume.")
