"""`medsift ablate`: what each part of the system is worth, on pictures whose label is known."""

from pathlib import Path

import click

from medsift.cli._ablation import show_ablation
from medsift.cli._options import settings_options
from medsift.cli._output import require_writable_folder
from medsift.cli._progress import StepProgress
from medsift.evaluation.manifest import read_manifest
from medsift.settings import Settings
from medsift.steps.ablation import ablate


@click.command(epilog="\b\nExamples:\n  medsift ablate --manifest labels.csv --root pictures/ --out ablation/\n")
@click.option("--manifest", required=True, type=click.Path(path_type=Path), help="CSV: file,label[,kind,source].")
@click.option("--root", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the files.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where results go.")
@settings_options
def command(manifest: Path, root: Path, out: Path, settings: Settings) -> None:
    """Compare voters, strategies, cluster counts, encoders, prompt sets and enhancement on labelled pictures.

    Pictures are embedded once by every encoder whose weights are here; vectors are kept in OUT, so that a second call
    is quick. What is fitted is never fitted on the source it is judged on.
    """
    require_writable_folder(out)
    labelled = read_manifest(manifest)
    with StepProgress() as progress:
        ablation = ablate(settings, labelled.rows, root, out, progress)
    show_ablation(ablation)
    for note in labelled.notes:
        click.echo(note)
    click.echo(f"report: {out / 'report.html'}")
