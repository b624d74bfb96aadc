"""`medsift settings`: every setting with its value, where it comes from and what it means."""

from collections.abc import Iterator

import click
from rich.console import Console
from rich.table import Table

from medsift.cli._options import settings_options
from medsift.settings import Settings, as_text


@click.command(epilog="\b\nExamples:\n  medsift settings\n  MEDSIFT_DEVICE=cpu medsift settings\n")
@settings_options
def command(settings: Settings) -> None:
    """Show every setting: value, where it comes from, what it means; tabs between them where it is piped.

    Secrets are not shown.
    """
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        for row in _rows(settings):
            click.echo("\t".join(row))
        return
    table = Table(box=None, header_style="bold")
    for heading in ("setting", "value", "from", "meaning"):
        table.add_column(heading, overflow="fold")
    for row in _rows(settings):
        table.add_row(*row)
    console.print(table)


def _rows(settings: Settings) -> Iterator[tuple[str, str, str, str]]:
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = ("***" if value else "") if name in Settings.secret_names() else _shown(value)
        yield name, shown, settings.origin(name), field.description or ""


def _shown(value: object) -> str:
    text = as_text(value)
    return text.replace(",", ", ") if isinstance(value, dict | list) else text
