"""What training pictures are said to show, as sentences and as vectors of the text tower."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsift.encoders._minilm import TextTower


@dataclass(frozen=True)
class Captions:
    """All sentences as vectors: `vectors[i]` says what a picture of `groups[i]` = (kind, source or "") shows."""

    sentences: list[str]
    groups: list[tuple[str, str]]
    vectors: NDArray[np.float32]

    def for_rows(self, manifest: pd.DataFrame) -> list[NDArray[np.intp]]:
        """For each picture the numbers of the sentences that may describe it."""
        members: dict[tuple[str, str], list[int]] = {}
        for number, group in enumerate(self.groups):
            members.setdefault(group, []).append(number)
        of_pair = {
            pair: np.array(members.get((pair[0], ""), []) + members.get(pair, []), dtype=np.intp)
            for pair in set(zip(manifest["kind"], manifest["source"], strict=True))
        }
        return [of_pair[pair] for pair in zip(manifest["kind"], manifest["source"], strict=True)]


def load_captions(cache: Path) -> Captions:
    """Every caption in every template, encoded (once, kept in `cache`)."""
    table = tomllib.loads((Path(__file__).parent / "captions.toml").read_text(encoding="utf-8"))
    by_group = {(kind, ""): captions for side in ("medical", "non-medical") for kind, captions in table[side].items()}
    for source, kinds in table["sources"].items():
        by_group |= {(kind, source): captions for kind, captions in kinds.items()}
    sentences, groups = [], []
    for group, captions in by_group.items():
        for caption in captions:
            sentences += [template.format(caption) for template in table["templates"]]
            groups += [group] * len(table["templates"])
    return Captions(sentences, groups, _vectors(sentences, cache))


def _vectors(sentences: list[str], cache: Path) -> NDArray[np.float32]:
    tower = TextTower()
    digest = hashlib.sha256("\n".join([tower.digest, *sentences]).encode()).hexdigest()
    target = cache / f"captions-{digest[:12]}.npy"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(target, tower.encode(sentences))
    stored: NDArray[np.float32] = np.load(target)
    return stored
