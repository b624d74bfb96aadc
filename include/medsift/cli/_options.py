"""Options that several commands share, and how they become settings."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from medsift.errors import UsageError
from medsift.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
COMMON = ("profile", "prompt_set", "review_threshold", "device", "batch_size")


def settings_options(function: F) -> F:
    """Give a command `settings` made of --set and the settings that have an option of their own."""
    return _with_settings(function, COMMON)


def set_option(function: F) -> F:
    """Give a command that decides nothing about pictures `settings` made of --set alone."""
    return _with_settings(function, ())


def require_named(sources: tuple[str, ...]) -> list[str]:
    """The sources as typed; raises `UsageError` where one is no more than blanks."""
    if not all(source.strip() for source in sources):
        raise UsageError("A source is empty.", "Name a file, a folder, a pattern or an address.")
    return list(sources)


def _with_settings(function: F, names: tuple[str, ...]) -> F:
    @functools.wraps(function)
    def with_settings(*arguments: Any, assigned: tuple[str, ...], **options: Any) -> Any:
        given = {name: options.pop(name) for name in names}
        overrides = {name: value for name, value in given.items() if value is not None}
        return function(*arguments, settings=_load_settings(assigned, overrides), **options)

    decorated: Any = with_settings
    for name in reversed(names):
        sentence = Settings.model_fields[name].description
        decorated = click.option(f"--{name.replace('_', '-')}", name, default=None, help=sentence)(decorated)
    decorated = click.option(
        "--set", "assigned", multiple=True, metavar="NAME=VALUE", help="Any setting; `medsift settings` lists them."
    )(decorated)
    result: F = decorated
    return result


def _load_settings(assigned: tuple[str, ...], overrides: dict[str, Any]) -> Settings:
    """Settings with `NAME=VALUE` pairs on top; raises `UsageError` for anything that is no such pair."""
    values = dict(overrides)
    for pair in assigned:
        name, separator, value = pair.partition("=")
        if not separator:
            raise UsageError(f"--set {pair}: write it as NAME=VALUE.")
        values[name.strip().lower().replace("-", "_")] = value
    return Settings.load(values)
