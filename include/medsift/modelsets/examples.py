"""Pictures whose kind people named: what is like one is of that kind, also of one that no prompt tells of."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Kind = tuple[str, bool]  # its name, and whether it is medical
PULL = 40.0  # log-odds for a kind by unit of cosine, see docs/experiments.md
MOST_EXAMPLES = 4096  # some 2 MB
SEED = 42
VECTORS, KIND_OF, ABOUT = "vectors", "kind_of", "about"


@dataclass(frozen=True)
class Examples:
    """Unit `vectors` (m, d) by `encoder`; picture i is of `kinds[kind_of[i]]`."""

    encoder: str
    kinds: tuple[Kind, ...]
    vectors: Floats
    kind_of: NDArray[np.int64]

    def pulls(self, vectors: Floats, alike_from: float) -> Doubles:
        """What examples add to the log-odds of each kind of pictures with unit vectors: (n, d) -> (n, kinds).

        Of each kind the nearest example counts, by as much as its cosine is above `alike_from`.
        """
        nearest = np.zeros((len(vectors), len(self.kinds)))
        for number in range(len(self.kinds)):
            nearest[:, number] = (vectors @ self.vectors[self.kind_of == number].T).max(axis=1)
        pulls: Doubles = PULL * np.maximum(0, nearest - alike_from)
        return pulls


def examples_of(encoder: str, vectors: Floats, kinds: Sequence[str], is_medical: NDArray[np.bool_]) -> Examples | None:
    """Those of labelled pictures (n,) with unit vectors (n, d) whose kind is not empty; None where none has one.

    Of more than `MOST_EXAMPLES` those that are kept are drawn by lot, from all kinds in turn.
    """
    seen: Counter[Kind] = Counter()
    turns: list[tuple[int, int]] = []
    for row in map(int, np.random.default_rng(SEED).permutation(len(kinds))):
        if kinds[row]:
            kind = (kinds[row], bool(is_medical[row]))
            turns.append((seen[kind], row))
            seen[kind] += 1
    if not turns:
        return None
    chosen = sorted(row for _, row in sorted(turns)[:MOST_EXAMPLES])
    of = [(kinds[row], bool(is_medical[row])) for row in chosen]
    names = tuple(sorted(set(of)))
    return Examples(encoder, names, vectors[chosen], np.array([names.index(kind) for kind in of], np.int64))


def write_examples(path: Path, examples: Examples) -> None:
    """Write them as a safetensors file."""
    from safetensors.numpy import save

    tensors: dict[str, NDArray[Any]] = {VECTORS: np.ascontiguousarray(examples.vectors), KIND_OF: examples.kind_of}
    # One entry alone: those of several come in any order, and the same set would have another digest.
    about = {"encoder": examples.encoder, "kinds": examples.kinds}
    path.write_bytes(save(tensors, {ABOUT: json.dumps(about)}))


def read_examples(path: Path) -> Examples:
    """What `write_examples` wrote, from a file whose digest was verified."""
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        about = json.loads(file.metadata()[ABOUT])
        kinds = tuple((name, is_medical) for name, is_medical in about["kinds"])
        return Examples(about["encoder"], kinds, file.get_tensor(VECTORS), file.get_tensor(KIND_OF))
