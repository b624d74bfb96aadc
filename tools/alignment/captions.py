"""What training pictures are said to show, as sentences and as vectors of the text tower."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsift.encoders._minilm import TextTower

Group = tuple[str, str]  # kind and source; the source is empty where the sentence fits every source


@dataclass(frozen=True)
class Captions:
    """All sentences as vectors, and which may be said of what: numbers of sentences by group and by label."""

    vectors: NDArray[np.float32]
    of_group: dict[Group, list[int]]
    of_label: dict[str, list[int]]

    def for_rows(self, manifest: pd.DataFrame) -> list[list[int]]:
        """For each picture the numbers of the sentences that describe its kind."""
        pairs = zip(manifest["kind"], manifest["source"], strict=True)
        return [self.of_group.get((kind, ""), []) + self.of_group.get((kind, source), []) for kind, source in pairs]


def load_captions(cache: Path) -> Captions:
    """Every caption in every template, encoded (once, kept in `cache`)."""
    table = tomllib.loads((Path(__file__).parent / "captions.toml").read_text(encoding="utf-8"))
    sentences: list[str] = []

    def numbers(captions: list[str]) -> list[int]:
        start = len(sentences)
        sentences.extend(template.format(caption) for caption in captions for template in table["templates"])
        return list(range(start, len(sentences)))

    of_group = {(kind, ""): numbers(told) for side in table["sides"] for kind, told in table[side].items()}
    for source, kinds in table["sources"].items():
        of_group |= {(kind, source): numbers(told) for kind, told in kinds.items()}
    of_label = {side: numbers(told) for side, told in table["sides"].items()}
    return Captions(_vectors(sentences, cache), of_group, of_label)


def _vectors(sentences: list[str], cache: Path) -> NDArray[np.float32]:
    tower = TextTower()
    digest = hashlib.sha256("\n".join([tower.digest, *sentences]).encode()).hexdigest()
    target = cache / f"captions-{digest[:12]}.npy"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(target, tower.encode(sentences))
    stored: NDArray[np.float32] = np.load(target)
    return stored
