"""Prompt sets: folders of text files that say in words what medical and other pictures look like."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from medsift.errors import SettingError
from medsift.paths import is_folder

SIDES = {"medical": True, "non-medical": False}


@dataclass(frozen=True)
class Prompt:
    """One description: `kind` is the name of the file it stands in."""

    text: str
    kind: str
    is_medical: bool


@dataclass(frozen=True)
class PromptSet:
    """All prompts of one set, in the order of side, kind and line; `digest` is over all of them."""

    name: str
    digest: str
    prompts: tuple[Prompt, ...]

    @property
    def texts(self) -> list[str]:
        """The words alone, in order."""
        return [prompt.text for prompt in self.prompts]


def list_prompt_sets(folder: Path) -> list[str]:
    """Names of the sets in a folder, sorted."""
    if not is_folder(folder):
        return []
    return sorted(path.name for path in folder.iterdir() if any((path / side).is_dir() for side in SIDES))


def usable_prompt_sets(folder: Path) -> list[str]:
    """Names of those that can be loaded, sorted."""
    return [name for name in list_prompt_sets(folder) if not why_unusable(folder, name)]


def why_unusable(folder: Path, name: str) -> str:
    """The sentence of what keeps a set from being loaded, empty where nothing does."""
    try:
        load_prompts(folder, name)
    except SettingError as error:
        return str(error)
    return ""


def load_prompts(folder: Path, name: str) -> PromptSet:
    """The set `folder/name`; raises `SettingError` where it is unknown, has a side without prompts or is not text."""
    known = list_prompt_sets(folder)
    if name not in known:
        raise SettingError("prompt_set", name, "one of " + ", ".join(known) if known else f"a folder in {folder}")
    prompts: list[Prompt] = []
    for side, is_medical in SIDES.items():
        files = sorted((folder / name / side).glob("*.txt"))
        of_side = [Prompt(text, file.stem, is_medical) for file in files for text in _lines(file, name)]
        if not of_side:
            raise SettingError("prompt_set", name, f"a set with at least one prompt in {side}/<kind>.txt")
        prompts += of_side
    lines = "\n".join(f"{prompt.is_medical}\t{prompt.kind}\t{prompt.text}" for prompt in prompts)
    return PromptSet(name, hashlib.sha256(lines.encode()).hexdigest(), tuple(prompts))


def _lines(file: Path, name: str) -> list[str]:
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("prompt_set", name, f"a set of readable UTF-8 files ({file.name}: {error})") from None
    return [line for line in lines if line and not line.startswith("#")]
