"""`medsift modelset`: what was fitted and is in use."""

from pathlib import Path

import click

from medsift.cli._options import settings_options
from medsift.cli._progress import StepProgress
from medsift.settings import Settings
from medsift.steps import local_context
from medsift.steps.fit_model_set import fit_model_set
from medsift.steps.profile import current_model_set

EPILOG = """\b
Examples:
  medsift modelset show
  medsift modelset fit pictures/ --profile clip
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Model sets: clusters, weights of voters, temperature."""


@command.command("show", epilog="\b\nExamples:\n  medsift modelset show\n  medsift modelset show --profile clip\n")
@settings_options
def show_command(settings: Settings) -> None:
    """Show the card of the model set in use."""
    model_set = current_model_set(settings)
    if model_set is None:
        click.echo(f"Profile {settings.profile} has no model set; `medsift modelset fit FOLDER` makes one.")
    else:
        click.echo(f"{model_set.name} {model_set.digest}\n\n{model_set.card.read_text(encoding='utf-8')}")


@command.command("fit", epilog="\b\nExamples:\n  medsift modelset fit pictures/ --profile clip\n")
@click.argument("folder", type=click.Path(path_type=Path))
@settings_options
def fit_command(folder: Path, settings: Settings) -> None:
    """Fit clusters on the pictures in FOLDER for the profile's encoders and put them into use. No labels are needed."""
    with StepProgress() as progress, local_context(settings, [f"fit {folder}"], progress=progress) as context:
        model_set = fit_model_set(context, folder)
    click.echo(f"Model set {model_set.name} {model_set.digest} is in use: {model_set.folder}")
