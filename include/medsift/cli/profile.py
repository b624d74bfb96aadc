"""`medsift profile`: which encoders all runs to come use."""

import click

from medsift.cli._database import open_store
from medsift.cli._options import set_option
from medsift.encoders import PROFILES
from medsift.errors import StoreError
from medsift.settings import PREFIX, Settings
from medsift.steps.mirror import mirror_model_set
from medsift.steps.switch_profile import switch_profile


@click.group(epilog="\b\nExamples:\n  medsift profile list\n  medsift profile use clip\n  medsift profile use lite\n")
def command() -> None:
    """Profiles: which encoders and model set are used. No run ever changes it by itself."""


@command.command("list", epilog="\b\nExamples:\n  medsift profile list\n")
@set_option
def list_command(settings: Settings) -> None:
    """All profiles; a star marks the one in use."""
    for name in PROFILES.names():
        click.echo(f"{'*' if name == settings.profile else ' '} {name}")


@command.command("use", epilog="\b\nExamples:\n  medsift profile use clip\n  medsift profile use lite\n")
@click.argument("name")
@set_option
def use_command(name: str, settings: Settings) -> None:
    """Use profile NAME from now on: verify and test its weights, write medsift.toml, say what is embedded anew."""
    switched = settings.model_copy(update={"profile": name})
    try:
        with open_store(switched) as store:
            told = switch_profile(switched, store)
            mirror_model_set(Settings.load({"volume": settings.volume}), store)
    except StoreError:
        told = switch_profile(switched, None)
    for sentence in told:
        click.echo(sentence)
    if settings.origin("profile") == "environment" and settings.profile != name:
        click.echo(f"But {PREFIX}PROFILE is set in the environment, which is stronger.", err=True)
