"""`medsift profile`: which encoders all runs to come use."""

import os

import click

from medsift.cli._database import open_store
from medsift.cli._options import load_settings
from medsift.encoders import PROFILES
from medsift.errors import StoreError
from medsift.settings import PREFIX
from medsift.steps.mirror import mirror_model_set
from medsift.steps.switch_profile import switch_profile


@click.group(epilog="\b\nExamples:\n  medsift profile list\n  medsift profile use clip\n  medsift profile use lite\n")
def command() -> None:
    """Profiles: which encoders and model set are used. No run ever changes it by itself."""


@command.command("list")
def list_command() -> None:
    """All profiles; a star marks the one in use."""
    current = load_settings().profile
    for name in PROFILES.names():
        click.echo(f"{'*' if name == current else ' '} {name}")


@command.command("use")
@click.argument("name")
def use_command(name: str) -> None:
    """Use profile NAME from now on: verify and test its weights, write medsift.toml, say what is embedded anew."""
    settings = load_settings(overrides={"profile": name})
    try:
        with open_store(settings) as store:
            told = switch_profile(settings, store)
            mirror_model_set(load_settings(), store)
    except StoreError:
        told = switch_profile(settings, None)
    for sentence in told:
        click.echo(sentence)
    if os.environ.get(f"{PREFIX}PROFILE", name) != name:
        click.echo(f"But {PREFIX}PROFILE is set in the environment, which is stronger.", err=True)
