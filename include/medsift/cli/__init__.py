"""The command `medsift`: each module here that defines `command` is a command or a group of commands."""

import importlib
import logging
import pkgutil
import sys

import click

from medsift import __version__
from medsift.errors import MedsiftError

EPILOG = """\b
Examples:
  medsift sort paper.pdf https://example.org/atlas scans/ --csv verdicts.csv
  medsift classify pictures/ --csv pictures.csv
  medsift settings
"""
INTERRUPTED = 130


class Commands(click.Group):
    """Finds its commands in this package, so that a new file is a new command."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Names of all command modules."""
        return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The `command` of the module of that name."""
        if name not in self.list_commands(context):
            return None
        command: click.Command = importlib.import_module(f"medsift.cli.{name}").command
        return command


@click.command(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="medsift")
@click.option("-v", "--verbose", is_flag=True, help="Log what the steps do.")
def root(verbose: bool) -> None:
    """Pull every picture out of PDFs, web pages, folders and DICOM and say: medical or not, which modality, how sure.

    Not a medical device.
    """
    level = logging.INFO if verbose else logging.ERROR
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def main() -> None:
    """Run the command line; what went wrong in a known way is one sentence and an exit status.

    Status: 0 done, 1 nothing could be done, 2 wrong usage or setting, 130 interrupted (what was done is kept).
    """
    try:
        status = root.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except MedsiftError as error:
        click.echo(f"medsift: {error}", err=True)
        status = error.exit_status
    except (KeyboardInterrupt, click.Abort):
        click.echo("medsift: interrupted; what was done is kept.", err=True)
        status = INTERRUPTED
    except BrokenPipeError:
        status = 0
    sys.exit(status if isinstance(status, int) else 0)
