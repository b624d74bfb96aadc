"""`medsift weights`: the pinned files that models are made of."""

import click

from medsift import weights
from medsift.errors import WeightsError


@click.group(epilog="\b\nExamples:\n  medsift weights list\n  medsift weights verify\n")
def command() -> None:
    """Weights: nothing is used whose digest is not pinned."""


@command.command("list")
def list_command() -> None:
    """Each weights file set: what it is, the package it comes in, licence as stated."""
    for entry in weights.list_weights():
        size = sum(file.bytes for file in entry.files) / 1e6
        click.echo(f"{entry.name}  {size:.1f} MB  {entry.package} {entry.version}  licence: {entry.licence}")
        click.echo(f"    {entry.about}")


@command.command("verify")
@click.argument("names", nargs=-1)
def verify_command(names: tuple[str, ...]) -> None:
    """Compare each file with its pinned SHA-256; exit status 1 where one is missing or another."""
    checks = [check for name in names or _all_names() for check in weights.verify(name)]
    for check in checks:
        click.echo(f"{'failed' if check.problem else 'ok':<7} {check.name}/{check.file} {check.problem}".rstrip())
    problems = sum(bool(check.problem) for check in checks)
    if problems:
        raise WeightsError(f"{problems} of {len(checks)} files are not as pinned.")


def _all_names() -> list[str]:
    return [entry.name for entry in weights.list_weights()]
