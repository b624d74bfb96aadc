"""`medsift stack`: the embedded Postgres and Airflow of this folder, up, down and watched."""

import click

from medsift.cli._options import settings_options
from medsift.settings import Settings
from medsift.topology.layout import ADMIN, StackLayout
from medsift.topology.stack import down, status, up
from medsift.topology.state import StackState
from medsift.volume import Volume


@click.group()
def command() -> None:
    """Start, stop and use the embedded stack: PostgreSQL and Airflow on this machine."""


@command.command("up")
@settings_options
def up_command(settings: Settings) -> None:
    """Start the stack and leave it running."""
    state = up(settings, lambda what: click.echo(f"starting: {what}", err=True))
    _show_addresses(settings, state)


@command.command("down")
@settings_options
def down_command(settings: Settings) -> None:
    """Stop the stack; nothing is left running."""
    click.echo("The stack is down." if down(settings) else "The stack was not up.")


@command.command("status")
@settings_options
@click.pass_context
def status_command(context: click.Context, settings: Settings) -> None:
    """Say how the stack is; exit status 1 where it is down."""
    state = status(settings)
    if state is None:
        click.echo("The stack is down. `make up` starts it.")
        context.exit(1)
    click.echo(f"state: {state.phase}" + (f" ({state.reason})" if state.reason else ""))
    for name, pid in state.pids.items():
        times = state.restarts.get(name, 0)
        click.echo(f"{name}: {f'pid {pid}' if pid else 'down'}" + (f", started again {times} times" if times else ""))
    if state.phase in ("ready", "recovering"):
        _show_addresses(settings, state)


def _show_addresses(settings: Settings, state: StackState) -> None:
    layout = StackLayout.of(Volume(settings.volume))
    click.echo(f"address: {state.address}")
    click.echo(f"user: {ADMIN}")
    click.echo(f"password file: {layout.passwords}")
    click.echo(f"database: {state.database}")
