"""`medsift extract`: pictures out of sources, without verdicts."""

from pathlib import Path

import click

from medsift.cli._options import require_named, settings_options
from medsift.cli._output import require_something_done, require_writable_folder, show_unread
from medsift.cli._progress import StepProgress
from medsift.settings import Settings
from medsift.steps import RunResult, find_pictures, local_context
from medsift.steps.save_pictures import save_pictures


@click.command(epilog="\b\nExamples:\n  medsift extract paper.pdf --out pictures/\n")
@click.argument("sources", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where pictures go.")
@settings_options
def command(sources: tuple[str, ...], out: Path, settings: Settings) -> None:
    """Pull every picture out of SOURCES into a folder, with manifest.csv saying where each one stood.

    A source that could not be read, or only in part, is a row of manifest.csv without a picture.
    """
    require_writable_folder(out)
    typed = require_named(sources)
    with StepProgress() as progress, local_context(settings, typed, progress=progress) as context:
        find_pictures(context, typed)
        result = RunResult.of(context)
        saved = save_pictures(context, result, out)
    counts = result.counts()
    pictures = counts["pictures"]
    show_unread(result.sources_json())
    click.echo(
        f"{saved} pictures in {out}, from {counts['sources']['given']} sources; {pictures['exact_duplicates']} exact "
        f"duplicates, {pictures['rejected']} rejected, {pictures['failed']} failed: see {out / 'manifest.csv'}."
    )
    require_something_done(pictures, result.sources_json(), result.rejected_json())
