"""`medsift weights`: the pinned files that models are made of."""

from pathlib import Path

import click

from medsift import weights
from medsift.cli._options import settings_options
from medsift.cli._progress import StepProgress
from medsift.encoders import needed_weights
from medsift.errors import UsageError, WeightsError
from medsift.settings import Settings
from medsift.steps.bring_weights import fetch_weights, import_known_weights, import_weights, model_name
from medsift.volume import Volume
from medsift.weights.local import Pin, find, pins, verify
from medsift.weights.published import published

EPILOG = """\b
Examples:
  medsift weights list
  medsift weights fetch --profile clip
  medsift weights import downloads/
  medsift weights import ViT-L-14 ViT-L-14.pt --tag openai --sha256 DIGEST
  medsift weights import ViT-B-16-SigLIP downloads/siglip/ --sha256 DIGEST
  medsift weights verify
"""
IMPORT_EPILOG = """\b
Examples:
  medsift weights import downloads/
  medsift weights import resnet50 resnet50-0676ba61.pth
  medsift weights import ViT-L-14 ViT-L-14.pt --tag openai --sha256 DIGEST
"""
MEGABYTE = 1_000_000


@click.group(epilog=EPILOG)
def command() -> None:
    """Weights: nothing is used whose digest is not pinned."""


@command.command("list", epilog="\b\nExamples:\n  medsift weights list\n")
@settings_options
def list_command(settings: Settings) -> None:
    """All weights: what they are, size, licence as stated, where they lie or that they are missing."""
    for packaged in weights.list_weights():
        size = sum(file.bytes for file in packaged.files)
        _show(packaged.name, size, f"licence: {packaged.licence}", packaged.about, _packaged_place(packaged))
    volume = Volume(settings.volume)
    for name, pin in pins(volume).items():
        entry = published().get(name)
        licence = f"licence: {entry.licence}" if entry else "imported"
        size = sum(file.bytes for file in pin.files)
        _show(name, size, licence, entry.about if entry else _imported(pin), _place(volume, name))


@command.command(
    "verify", epilog="\b\nExamples:\n  medsift weights verify\n  medsift weights verify all-minilm-l6-v2\n"
)
@click.argument("names", nargs=-1)
@settings_options
def verify_command(names: tuple[str, ...], settings: Settings) -> None:
    """Compare files with their pinned SHA-256: those of NAMES, or all that are here or that the profile needs.

    Exit status 1 where one is missing or another.
    """
    volume = Volume(settings.volume)
    problems = 0
    checked = [model_name(name) for name in names] or _all_names(settings, volume)
    for name in checked:
        for label, problem in _problems(volume, name):
            problems += bool(problem)
            click.echo(f"{'failed' if problem else 'ok':<7} {label} {problem}".rstrip())
    if problems:
        raise WeightsError(f"Not as pinned: {problems} of the files.")


@command.command("fetch", epilog="\b\nExamples:\n  medsift weights fetch --profile clip\n")
@click.argument("names", nargs=-1)
@settings_options
def fetch_command(names: tuple[str, ...], settings: Settings) -> None:
    """Fetch published weights from their authors: NAMES, or what the profile needs. Broken off, it is gone on with."""
    wanted = [model_name(name) for name in names] or needed_weights(settings)
    if not wanted:
        click.echo(f"Profile {settings.profile} needs nothing to be fetched.")
    with StepProgress() as progress:
        _show_brought(fetch_weights(settings, wanted, progress), settings)


@command.command("import", epilog=IMPORT_EPILOG)
@click.argument("arguments", nargs=-1, required=True, metavar="[NAME] FILE_OR_FOLDER")
@click.option("--sha256", default="", help="The weights' SHA-256 as their author states it, if medsift has none.")
@click.option("--tag", default="", help="Whose training it is, as open_clip names it (openai, laion2b_s32b_b82k ...).")
@settings_options
def import_command(arguments: tuple[str, ...], sha256: str, tag: str, settings: Settings) -> None:
    """Bring weights by hand, for a machine without a way out.

    Without NAME the file, or each file of the folder, is known by its name or digest. With NAME and --sha256 (of the
    weights) it may be any model that open_clip knows, or under a name of your choice a folder with weights and their
    open_clip_config.json. A model with a tokenizer of its own needs the folder: tokenizer.json and
    tokenizer_config.json lie beside the weights.
    """
    path = Path(arguments[-1])
    match arguments:
        case [_] if not sha256:
            imported = import_known_weights(settings, path)
        case [name, _]:
            imported = [import_weights(settings, model_name(name), path, sha256=sha256, tag=tag)]
        case _:
            raise UsageError("Say it as: medsift weights import [NAME] FILE_OR_FOLDER [--sha256 DIGEST]")
    _show_brought(imported, settings)


def _show_brought(pins: list[Pin], settings: Settings) -> None:
    for pin in pins:
        click.echo(f"{pin.name}: {pin.path(Volume(settings.volume))} is as pinned and passed its self-test")


def _show(name: str, size: int, licence: str, about: str, place: str) -> None:
    click.echo(f"{name}  {size / MEGABYTE:.1f} MB  {licence}\n    {about}\n    {place}")


def _imported(pin: Pin) -> str:
    beside = ", ".join(file.name for file in pin.companions)
    return f"SHA-256 {pin.sha256}" + (f", with {beside}" if beside else "")


def _packaged_place(packaged: weights.Weights) -> str:
    try:
        return str(weights.path(packaged.name, packaged.files[0].name).parent)
    except WeightsError as error:
        return f"missing: {error.sentence}"


def _place(volume: Volume, name: str) -> str:
    try:
        return str(find(volume, name).path(volume))
    except WeightsError:
        return "not here"


def _all_names(settings: Settings, volume: Volume) -> list[str]:
    here = [name for name, pin in pins(volume).items() if pin.path(volume).exists()]
    packaged = [entry.name for entry in weights.list_weights()]
    return list(dict.fromkeys([*packaged, *here, *needed_weights(settings)]))


def _problems(volume: Volume, name: str) -> list[tuple[str, str]]:
    """Files of the weights, each with what is wrong with it, or nothing."""
    try:
        is_packaged = name not in pins(volume) and name in weights.manifest()
        checks = weights.verify(name) if is_packaged else verify(volume, name)
    except WeightsError as error:
        return [(name, str(error))]
    return [(f"{check.name}/{check.file}", check.problem) for check in checks]
