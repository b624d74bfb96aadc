"""`medsift stack`: the embedded Postgres and Airflow of this folder, up, down and at work."""

import signal
from typing import TYPE_CHECKING

import click

from medsift.cli._options import require_named, set_option, settings_options
from medsift.cli._output import require_something_done, show_verdicts
from medsift.cli._run_progress import RunProgress
from medsift.evaluation.expected import score_expected
from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.store.first_queries import FIRST_QUERIES
from medsift.topology.layout import ADMIN, StackLayout
from medsift.topology.stack import down, status, up
from medsift.topology.state import StackState
from medsift.volume import Volume

if TYPE_CHECKING:
    from medsift.topology.run import Finished

EPILOG = """\b
Examples:
  medsift stack run                            (the inbox; if it is empty, the sample)
  medsift stack run paper.pdf 'scans/*.dcm' https://example.org/page
"""


@click.group(epilog="\b\nExamples:\n  medsift stack up\n  medsift stack run paper.pdf\n  medsift stack down\n")
def command() -> None:
    """Start, stop and use the embedded stack: PostgreSQL and Airflow on this machine."""


@command.command("up", epilog="\b\nExamples:\n  medsift stack up\n  medsift stack up --set volume=/data/medsift\n")
@set_option
def up_command(settings: Settings) -> None:
    """Start the stack and leave it running; what is set here holds for it until it is stopped."""
    state = up(settings, lambda what: click.echo(f"starting: {what}", err=True))
    _show_addresses(settings, state)


@command.command("down", epilog="\b\nExamples:\n  medsift stack down\n")
@set_option
def down_command(settings: Settings) -> None:
    """Stop the stack; nothing is left running."""
    click.echo("The stack is down." if down(settings) else "The stack was not up.")


@command.command("status", epilog="\b\nExamples:\n  medsift stack status\n")
@set_option
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
    with Sandbox(Limits.of(settings)) as sandbox:
        click.echo(f"guards of processes that open files: {sandbox.guards()}")
    if state.phase in ("ready", "recovering"):
        _show_addresses(settings, state)


@command.command("run", epilog=EPILOG)
@click.argument("sources", nargs=-1)
@settings_options
def run_command(sources: tuple[str, ...], settings: Settings) -> None:
    """Sort SOURCES, else the inbox, else the sample, by a run of the DAG; starts the stack unless it is up."""
    from medsift.topology.run import RunFailedError, run_sources  # imports the steps, which the others do not need

    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: what was started is stopped
        signal.signal(number, signal.default_int_handler)
    typed = require_named(sources)
    with RunProgress() as progress:
        finished = run_sources(settings, typed, progress.tell, progress.show)
    _show_result(finished)
    if finished.failure:
        raise RunFailedError(finished.failure)
    document = finished.document
    require_something_done(document["counts"]["pictures"], document["sources"], document["rejected"])


def _show_result(finished: "Finished") -> None:
    show_verdicts(finished.document)
    if finished.expected:
        score = score_expected(finished.expected, finished.document["pictures"])
        click.echo(f"\nOf the sample's {score.total} labelled pictures {score.right} are right.")
        for wrong in score.wrong:
            got = f"{wrong.verdict}, p {wrong.probability:.2f}" if wrong.probability is not None else "not found"
            click.echo(f"  {wrong.expected.where}: {wrong.expected.title} ({wrong.expected.label}): {got}")
    click.echo(f"\nCSV:           {finished.folder / 'verdicts.csv'}")
    click.echo(f"report:        {finished.folder / 'report.html'}")
    click.echo(f"contact sheet: {finished.folder / 'contact_sheet.html'}")
    click.echo("\nTo try, once `make up` has started the stack:")
    for query in FIRST_QUERIES:
        click.echo(f'  .venv/bin/medsift db psql -c "{query}"')


def _show_addresses(settings: Settings, state: StackState) -> None:
    click.echo(f"address: {state.address}")
    click.echo(f"user: {ADMIN}")
    click.echo(f"password file: {StackLayout.of(Volume(settings.volume)).passwords}")
    click.echo(f"database: {state.database}")
