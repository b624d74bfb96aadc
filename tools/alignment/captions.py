"""What training pictures are said to show, as sentences and as vectors of the text tower."""

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


def load_captions() -> Captions:
    """Every caption in every template, encoded."""
    table = tomllib.loads((Path(__file__).parent / "captions.toml").read_text(encoding="utf-8"))
    by_group = {(kind, ""): captions for side in ("medical", "non-medical") for kind, captions in table[side].items()}
    for source, kinds in table["sources"].items():
        by_group |= {(kind, source): captions for kind, captions in kinds.items()}
    sentences, groups = [], []
    for group, captions in by_group.items():
        for caption in captions:
            sentences += [template.format(caption) for template in table["templates"]]
            groups += [group] * len(table["templates"])
    return Captions(sentences, groups, TextTower().encode(sentences))
