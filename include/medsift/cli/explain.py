"""`medsift explain`: why a picture got its verdict."""

import json
import re
from pathlib import Path

import click

from medsift.cli._database import with_database
from medsift.cli._explanation import show_explanation
from medsift.cli._options import settings_options
from medsift.cli._output import require_writable, write_output
from medsift.errors import NothingDoneError, PictureError, SourceError, UsageError
from medsift.paths import is_file
from medsift.settings import Settings
from medsift.steps import Context
from medsift.steps.explain import Explanation, explain, file_subject, stored_subject

EPILOG = "\b\nExamples:\n  medsift explain 3f7a9c\n  medsift explain scan.png --png why.png --json why.json\n"
IDENTITY = re.compile(r"[0-9a-fA-F]{6,64}")


@click.command(epilog=EPILOG)
@click.argument("picture")
@click.option("--png", type=click.Path(path_type=Path), help="Where the heat map goes (default explain-<picture>.png).")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="All numbers as JSON; - prints.")
@settings_options
def command(picture: str, png: Path | None, json_file: Path | None, settings: Settings) -> None:
    """Say of PICTURE (the SHA-256 of a stored one or its beginning, or a picture file) what each voter saw in it.

    Shows the prompts that fit best, the cluster it falls into, the words of its caption, stored pictures that look
    like it, and writes a heat map: red parts speak for medical, blue ones against.
    """
    png = png or Path(f"explain-{Path(picture).stem[:12]}.png")
    require_writable(png, json_file)
    explanation = _explained(picture, settings)
    write_output(png, explanation.png)
    if json_file is not None:
        write_output(json_file, json.dumps(explanation.document(), indent=1, ensure_ascii=False).encode() + b"\n")
    if str(json_file) != "-":
        show_explanation(explanation, png)


def _explained(picture: str, settings: Settings) -> Explanation:
    is_identity = IDENTITY.fullmatch(picture) is not None and not is_file(Path(picture))
    if not is_identity and not is_file(Path(picture)):
        raise UsageError(
            f"{picture} is neither the SHA-256 of a picture (64 hexadecimal digits, or the first 6 or more) nor a file."
        )
    settings = with_database(settings) if is_identity else settings
    with Context.opened(settings, "", is_stored=is_identity) as context:
        subject = stored_subject(context, picture) if is_identity else file_subject(Path(picture))
        try:
            return explain(context, subject)
        except (PictureError, SourceError) as error:
            raise NothingDoneError(f"Nothing could be done: {picture}: {error}") from error
