"""`medsift modelset`: what was fitted and is in use."""

from datetime import UTC, datetime
from pathlib import Path

import click

from medsift.cli._database import store_if_up, with_database
from medsift.cli._operating_points import operating_points_text
from medsift.cli._options import set_option, settings_options
from medsift.cli._progress import StepProgress
from medsift.encoders import PROFILES
from medsift.errors import UsageError
from medsift.evaluation.manifest import read_manifest
from medsift.settings import Settings
from medsift.steps import local_context, refit
from medsift.steps.context import Context
from medsift.steps.fit_labels_file import fit_labels_file
from medsift.steps.fit_model_set import fit_model_set
from medsift.steps.profile import current_model_set
from medsift.steps.use_model_set import fitted_unmeasured, model_sets, promote_fitted, promote_model_set, roll_back

EPILOG = """\b
Examples:
  medsift modelset show
  medsift modelset list
  medsift modelset fit pictures/ --profile clip
  medsift modelset refit
  medsift modelset rollback
"""
FIT_EPILOG = """\b
Examples:
  medsift modelset fit pictures/ --profile clip
  medsift modelset fit --labels labels.csv
  medsift modelset fit pictures/ --labels labels.csv
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Model sets: clusters, weights of voters, temperature."""


@command.command("show", epilog="\b\nExamples:\n  medsift modelset show\n  medsift modelset show --profile clip\n")
@settings_options
def show_command(settings: Settings) -> None:
    """Show the card of the model set in use, and what each recall that may be asked for costs."""
    PROFILES.get(settings.profile)
    model_set = current_model_set(settings)
    if model_set is None:
        click.echo(f"Profile {settings.profile} has no model set; `medsift modelset fit FOLDER` makes one.")
    else:
        click.echo(f"{model_set.name} {model_set.digest}\n\n{model_set.card.read_text(encoding='utf-8')}")
        click.echo(operating_points_text(model_set.calibration.points))


@command.command("list", epilog="\b\nExamples:\n  medsift modelset list\n")
@set_option
def list_command(settings: Settings) -> None:
    """All model sets that ship or were kept, oldest first; a star marks those in use."""
    for is_used, model_set in model_sets(settings):
        click.echo(f"{'*' if is_used else ' '} {model_set.digest} {model_set.profile:<6} {model_set.name}")


@command.command("fit", epilog=FIT_EPILOG)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--labels", type=click.Path(path_type=Path), help="CSV: file,label[,kind,source].")
@settings_options
def fit_command(folder: Path | None, labels: Path | None, settings: Settings) -> None:
    """Fit a model set for the profile's encoders.

    Without --labels: clusters of the pictures in FOLDER, named by prompts. The set is put into use at once, unmeasured
    and without the voter `learned`; `medsift modelset rollback` undoes it. With --labels: clusters, kinds, weights of
    voters, temperature and the voter `learned` from the labels; files lie under FOLDER, or where the CSV does. It is
    put into use only if, on labels held back, it is not worse than the set in use.
    """
    if labels is None and folder is None:
        raise UsageError("Name a FOLDER of pictures, or --labels FILE.")
    with StepProgress() as progress, local_context(settings, [f"fit {folder} {labels}"], progress=progress) as context:
        if labels is None:
            told = fitted_unmeasured(settings, fit_model_set(context, Path(folder or "")))
        else:
            labelled = read_manifest(labels)
            summary = fit_labels_file(context, labelled.rows, folder or labels.absolute().parent, _today())
            told = "\n".join([*labelled.notes, summary["sentence"], promote_fitted(settings, summary, None)])
    click.echo(told)


@command.command(
    "refit", epilog="\b\nExamples:\n  medsift modelset refit\n  medsift modelset refit --set refit_promotion=ask\n"
)
@settings_options
def refit_command(settings: Settings) -> None:
    """Fit a model set on people's labels in Postgres; it is put into use only if it is not worse."""
    settings = with_database(settings)
    with StepProgress() as progress, Context.opened(settings, refit.STEP, progress=progress) as context:
        summary = refit.run(context, _today())
        told = promote_fitted(settings, summary, context.store)
    click.echo(f"{summary['sentence']}\n{told}")


@command.command("promote", epilog="\b\nExamples:\n  medsift modelset promote 3fa1c2\n")
@click.argument("digest")
@set_option
def promote_command(digest: str, settings: Settings) -> None:
    """Put the model set whose digest begins with DIGEST into use, whatever its figures."""
    with store_if_up(settings) as store:
        model_set = promote_model_set(settings, digest, store)
    click.echo(f"Model set {model_set.name} {model_set.digest} is in use for profile {model_set.profile}.")


@command.command("rollback", epilog="\b\nExamples:\n  medsift modelset rollback\n")
@set_option
def rollback_command(settings: Settings) -> None:
    """Put the set into use again that was in use before the present one, each time one further back."""
    with store_if_up(settings) as store:
        way = roll_back(settings, store)
    for sentence in way.sentences:
        click.echo(sentence)
    model_set = way.model_set
    click.echo(f"Model set {model_set.name} {model_set.digest} is in use again for profile {model_set.profile}.")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
