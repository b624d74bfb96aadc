"""`medsift db`: the way to Postgres."""

import os
import shutil
import sys
from pathlib import Path

import click
from sqlalchemy import make_url

from medsift.cli._database import Role, database_url
from medsift.cli._options import set_option, settings_options
from medsift.errors import StoreError, UsageError
from medsift.settings import Settings
from medsift.store import migrate
from medsift.store.roles import ROLES as ROLES_OF_SERVER
from medsift.store.roles import prepare_server
from medsift.topology.layout import StackLayout
from medsift.topology.postgres import EmbeddedPostgres
from medsift.volume import Volume

ROLES = click.Choice(["reader", "task", "owner"])


EPILOG = """\b
Examples:
  medsift db url
  medsift db psql -c 'select label, count(*) from picture_labels group by 1'
"""


PREPARE_EPILOG = """\b
Examples:
  medsift db prepare < passwords.txt    (with MEDSIFT_DATABASE_URL=postgresql://postgres:...@host/postgres)
"""


PSQL_EPILOG = """\b
Examples:
  medsift db psql
  medsift db psql -f docs/queries.sql -v source="'/data/papers/a.pdf'"
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Connect to Postgres: address, shell, migrations."""


@command.command("url", epilog="\b\nExamples:\n  medsift db url\n  medsift db url --libpq --role task\n")
@click.option("--libpq", is_flag=True, help="In the form psql, DBeaver and other programs take.")
@click.option("--role", type=ROLES, default="reader", show_default=True, help="Whose rights, in the embedded database.")
@settings_options
def url_command(libpq: bool, role: Role, settings: Settings) -> None:
    """Print the address of the database, with its password, on one line."""
    url = make_url(database_url(settings, role))
    if libpq:
        url = url.set(drivername="postgresql")
    click.echo(url.render_as_string(hide_password=False))


@command.command("migrate", epilog="\b\nExamples:\n  medsift db migrate\n")
@settings_options
def migrate_command(settings: Settings) -> None:
    """Bring the tables to the present version; nothing happens where they are."""
    migrate(database_url(settings, "owner"))
    click.echo("The database is at the present version.")


@command.command("prepare", epilog=PREPARE_EPILOG)
@set_option
def prepare_command(settings: Settings) -> None:
    """Make databases and roles on a server of your own; database_url is its superuser's.

    Standard input has a line `role password` for each of medsift_owner, medsift, medsift_reader and airflow. Safe to
    repeat: passwords become what is given.
    """
    if not settings.database_url:
        raise UsageError("No database is set.", "Set MEDSIFT_DATABASE_URL to the address of the server's superuser.")
    prepare_server(settings.database_url, _passwords(sys.stdin.read()))
    click.echo("The server has medsift's databases and roles.")


def _passwords(typed: str) -> dict[str, str]:
    given = {role: password.strip() for role, _, password in (line.partition(" ") for line in typed.splitlines())}
    if set(given) != set(ROLES_OF_SERVER) or not all(given.values()):
        named = ", ".join(role for role, password in given.items() if password) or "no role"
        raise UsageError(f"Standard input has a password for {named}; needed is one for {', '.join(ROLES_OF_SERVER)}.")
    return given


@command.command("psql", context_settings={"ignore_unknown_options": True}, epilog=PSQL_EPILOG)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--role", type=ROLES, default="reader", show_default=True, help="Whose rights, in the embedded database.")
@set_option
def psql_command(arguments: tuple[str, ...], role: Role, settings: Settings) -> None:
    """Open psql on the database; ARGUMENTS go to psql (its variables as -v, since --set is for settings)."""
    url = make_url(database_url(settings, role))
    program = _psql(settings)
    environment = {**os.environ, "PGPASSWORD": url.password or ""}
    address = url._replace(drivername="postgresql", password=None).render_as_string()
    os.execve(program, [str(program), address, *arguments], environment)  # noqa: S606  no shell is wanted


def _psql(settings: Settings) -> Path:
    if not settings.database_url:
        return EmbeddedPostgres(StackLayout.of(Volume(settings.volume)).postgres).bin("psql")
    found = shutil.which("psql")
    if found is None:
        raise StoreError("There is no psql here.", "On Debian or Ubuntu: apt-get install postgresql-client")
    return Path(found)
