"""`medsift sort`: sources in, verdicts out."""

import json
from pathlib import Path

import click

from medsift.cli._database import with_database
from medsift.cli._options import require_named, settings_options
from medsift.cli._output import (
    require_something_done,
    require_writable,
    require_writable_folder,
    show_verdicts,
    write_output,
)
from medsift.cli._progress import StepProgress
from medsift.settings import Settings
from medsift.steps import local_context, sort_sources
from medsift.steps.report import csv_bytes

EPILOG = """\b
Examples:
  medsift sort paper.pdf --json verdicts.json
  medsift sort https://example.org/page scans/ 'papers/*.pdf' --csv verdicts.csv
  medsift sort scans/ --store            (rows in Postgres, files on the volume)
  medsift sort scans/ --out found/       (pictures kept under found/)
"""


@click.command(epilog=EPILOG)
@click.argument("sources", nargs=-1, required=True)
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="One row for each place of a picture.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Everything found and decided.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Keep pictures and report here.")
@click.option("--store", "is_stored", is_flag=True, help="Publish to Postgres and keep files on the volume.")
@settings_options
def command(
    sources: tuple[str, ...],
    csv_file: Path | None,
    json_file: Path | None,
    out: Path | None,
    *,
    is_stored: bool,
    settings: Settings,
) -> None:
    """Sort the pictures of SOURCES: files, folders, globs, addresses, or list files (.txt) of these.

    Without --store nothing is kept but what --csv, --json and --out name.
    """
    require_writable(csv_file, json_file)
    require_writable_folder(out)
    typed = require_named(sources)
    if is_stored:
        settings = with_database(settings)
    with (
        StepProgress() as progress,
        local_context(settings, typed, out=out, is_stored=is_stored, progress=progress) as context,
    ):
        result = sort_sources(context, typed)
        document = result.as_json()
    if csv_file:
        write_output(csv_file, csv_bytes(*result.rows()))
    if json_file:
        write_output(json_file, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
    if "-" not in (str(csv_file), str(json_file)):
        show_verdicts(document)
    require_something_done(document["counts"]["pictures"], document["sources"], document["rejected"])
