"""Weights that their authors publish at an address: what each is, its size and the one SHA-256 that is accepted."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Published:
    """One file at an address. `tag` says whose training it is, as open_clip names it; empty for CNNs."""

    name: str
    about: str
    address: str
    bytes: int
    sha256: str
    licence: str
    tag: str = ""

    @property
    def file(self) -> str:
        """The file's name, the last part of its address."""
        return PurePosixPath(urlsplit(self.address).path).name


@cache
def published() -> Mapping[str, Published]:
    """All published weights that medsift knows, by name."""
    text = (Path(__file__).parent / "published.toml").read_text(encoding="utf-8")
    return {name: Published(name, **values) for name, values in tomllib.loads(text).items()}
