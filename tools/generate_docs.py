"""Write the pages of docs/ that are made from code: settings.md and cli.md. `--check` only says whether they are true.

python tools/generate_docs.py [--check]
"""

import sys
from pathlib import Path

import click

from medsift.cli import root
from medsift.settings import PREFIX, Settings

DOCS = Path(__file__).parents[1] / "docs"
NOTICE = "<!-- Made by tools/generate_docs.py; edit the code, not this page. -->\n"


def settings_page() -> str:
    """A table of every setting, from settings.py."""
    lines = [
        NOTICE,
        "# Settings\n",
        "Each setting can be given, strongest first: as a run's Param or as an option (`--set name=value`), in the",
        "environment, or in `medsift.toml` on the volume. `medsift settings` shows the values in force and where they",
        "come from. A name that is no setting is refused, wherever it stands. Secrets are never written to a run's",
        "files or logs.\n",
        "| setting | environment | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for name, field in Settings.model_fields.items():
        default = "the folder that ships" if field.default_factory else _shown(field.default)
        lines.append(f"| `{name}` | `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "`" + ",".join(f"{key}={number}" for key, number in value.items()) + "`"
    if isinstance(value, list):
        return f"`{','.join(value)}`" if value else "none"
    return f"`{value}`" if value not in ("", None) else "none"


def cli_page() -> str:
    """The help of every command."""
    lines = [NOTICE, "# Command line\n"]
    context = click.Context(root, info_name="medsift", terminal_width=100, max_content_width=100)
    _add_help(lines, root, context)
    return "\n".join(lines)


def _add_help(lines: list[str], command: click.Command, context: click.Context) -> None:
    lines += [f"## {context.command_path}\n", "```", command.get_help(context), "```\n"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                width = {"terminal_width": 100, "max_content_width": 100}
                _add_help(lines, inner, click.Context(inner, parent=context, info_name=name, **width))


PAGES = {"settings.md": settings_page, "cli.md": cli_page}


def main() -> None:
    """Write the pages, or exit with 1 where one differs."""
    stale = [name for name, make in PAGES.items() if not _is_true(DOCS / name, make())]
    if "--check" in sys.argv:
        sys.exit(f"not true any more: {', '.join(stale)}; run tools/generate_docs.py" if stale else 0)
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"docs/{name} written")


def _is_true(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
