"""`medsift evaluate`: how right are the verdicts on pictures whose label is known."""

from pathlib import Path

import click

from medsift.cli._options import settings_options
from medsift.cli._output import require_writable_folder
from medsift.cli._progress import StepProgress
from medsift.evaluation.manifest import read_manifest
from medsift.settings import Settings
from medsift.steps import local_context
from medsift.steps.pictures_of_folder import evaluate_folder


@click.command(epilog="\b\nExamples:\n  medsift evaluate --manifest labels.csv --root pictures/ --out evaluation/\n")
@click.option("--manifest", required=True, type=click.Path(path_type=Path), help="CSV: file,label[,kind,source].")
@click.option("--root", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the files.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where results go.")
@settings_options
def command(manifest: Path, root: Path, out: Path, settings: Settings) -> None:
    """Measure the verdicts against labels: metrics.json, predictions.csv and report.html."""
    require_writable_folder(out)
    labelled = read_manifest(manifest)
    with StepProgress() as progress, local_context(settings, [str(manifest)], progress=progress) as context:
        metrics, notes = evaluate_folder(context, labelled.rows, root, out)
    for name in ("n", "undecided", "balanced_accuracy", "auc", "ece", "accuracy_at_85", "review_rate"):
        value = metrics[name]
        click.echo(f"{name:<18} {value:.4f}" if isinstance(value, float) else f"{name:<18} {value}")
    for note in [*labelled.notes, *notes]:
        click.echo(note)
    click.echo(f"report: {out / 'report.html'}")
