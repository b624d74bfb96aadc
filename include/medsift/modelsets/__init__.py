"""Model sets: what was fitted (alignment, clusters, weights, temperature). Immutable, digested, with a card.

On disk a folder: `modelset.json` pins the SHA-256 of every other file in it, and its own canonical form has the
digest that names the set. Nothing is read from the folder that is not pinned there.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from medsift.errors import SettingError, WeightsError
from medsift.modelsets.alignment import Alignment, read_alignment
from medsift.modelsets.calibration import Calibration
from medsift.modelsets.clusters import Clusters, nearest, read_clusters
from medsift.modelsets.current_file import read_in_use
from medsift.modelsets.examples import Examples, read_examples
from medsift.modelsets.heads import Head, read_head
from medsift.modelsets.learned import Learned, read_learned
from medsift.modelsets.operating_points import EVEN
from medsift.settings import shipped
from medsift.volume import Volume, sha256_of_file, write_atomically

__all__ = [
    "Alignment",
    "Calibration",
    "Clusters",
    "Examples",
    "Head",
    "HeldBack",
    "Learned",
    "ModelSet",
    "assign",
    "current",
    "digest_in_use",
    "load",
    "save",
    "shipped_set",
]

MANIFEST = "modelset.json"
CARD = "CARD.md"
METRICS = "metrics.json"
ALIGNMENT = "alignment.safetensors"
HEAD = "head.safetensors"
LEARNED = "learned.safetensors"
EXAMPLES = "examples.safetensors"
HELD_BACK = "held_back.json"
CLUSTERS = "clusters-"
OTHERS = "`medsift modelset list` shows the sets there are, `medsift modelset promote DIGEST` puts one into use."


@dataclass(frozen=True)
class HeldBack:
    """A labelled picture that a set was fitted on: its label, and what was said of it while its group was held back.

    `shares` are digests of what made its group: a set has seen that for ever, whatever is labelled later. `kind` is the
    one that a person named, empty where nobody did, `named` the one that was said. Sets of before have none of these.
    """

    is_medical: bool
    probability: float
    shares: tuple[str, ...] = ()
    kind: str = ""
    named: str | None = None

    @classmethod
    def of_stored(cls, is_medical: bool, probability: float, shares: Sequence[str] = (), *kinds: str) -> Self:
        """From a row of the file."""
        return cls(is_medical, probability, tuple(shares), *kinds)

    def stored(self) -> list[Any]:
        """A row of the file."""
        return [self.is_medical, self.probability, self.shares, self.kind, self.named]


@dataclass(frozen=True)
class ModelSet:
    """A fitted set. `spaces` groups encoders that rest on one backbone: their cluster votes count as one.

    `encoder_digests` and `prompt_set` (a digest) say with what it was fitted; `pins` has the SHA-256 of each file.
    `previous` is the digest of the set that it was fitted to take the place of, empty where there was none.
    `threshold` is no part of what is stored: medical is what has at least that P(medical).
    """

    name: str
    digest: str
    profile: str
    folder: Path
    encoder_digests: Mapping[str, str]
    prompt_set: str
    spaces: tuple[tuple[str, ...], ...]
    calibration: Calibration
    pins: Mapping[str, str]
    previous: str = ""
    threshold: float = EVEN

    @property
    def card(self) -> Path:
        """The model card: data, licences, measured results, limits."""
        return self.folder / CARD

    def alignment(self) -> Alignment:
        """The maps of profile lite; raises `WeightsError` where the set has none or the file was altered."""
        return _alignment(self.file(ALIGNMENT), self.pins[ALIGNMENT])

    def clusters(self) -> dict[str, Clusters]:
        """Clusters by encoder name; raises `WeightsError` where a file was altered."""
        files = {name: clusters_file(name) for name in self.encoder_digests}
        return {name: _clusters(self.file(file), self.pins[file]) for name, file in files.items() if file in self.pins}

    def head(self) -> Head | None:
        """What was learnt of kinds, if the set has it for an encoder as it was fitted.

        Raises `WeightsError` where the file was altered.
        """
        head = _head(self.file(HEAD), self.pins[HEAD]) if HEAD in self.pins else None
        return head if head and head.encoder in self.encoder_digests else None

    def learned(self) -> Learned | None:
        """What labels taught, where the set has it and all its encoders are those it was fitted with.

        Raises `WeightsError` where the file was altered.
        """
        learned = _learned(self.file(LEARNED), self.pins[LEARNED]) if LEARNED in self.pins else None
        return learned if learned and learned.weights.keys() <= self.encoder_digests.keys() else None

    def examples(self) -> Examples | None:
        """Pictures whose kind people named, if the set has them for an encoder as it was fitted.

        Raises `WeightsError` where the file was altered.
        """
        examples = _examples(self.file(EXAMPLES), self.pins[EXAMPLES]) if EXAMPLES in self.pins else None
        return examples if examples and examples.encoder in self.encoder_digests else None

    def held_back(self) -> dict[str, HeldBack]:
        """The labelled pictures it was fitted on, by identity; none where it was fitted without people's labels."""
        if HELD_BACK not in self.pins:
            return {}
        stored = json.loads(self.file(HELD_BACK).read_text(encoding="utf-8"))
        return {sha256: HeldBack.of_stored(*row) for sha256, row in stored.items()}

    def verify(self) -> None:
        """Raise `WeightsError` where a file of the set is missing or was altered."""
        for name in self.pins:
            self.file(name)

    def used_with(self, encoder_digests: Mapping[str, str]) -> "ModelSet":
        """The set with what was fitted for those encoders alone that still are the ones it was fitted with."""
        same = {name: digest for name, digest in self.encoder_digests.items() if encoder_digests.get(name) == digest}
        return replace(self, encoder_digests=same)

    def at_recall(self, recall: float) -> "ModelSet":
        """The set at the operating point of that recall; raises `SettingError` where it has none such."""
        for point in self.calibration.points:
            if point.asked == recall:
                return replace(self, threshold=point.threshold)
        listed = ", ".join(str(point.asked) for point in self.calibration.points)
        known = f"one of {listed}, or no value" if listed else "no value"
        lacks = (
            "no other recall" if listed else "no recall, as it was fitted without labels, on few or by an older version"
        )
        raise SettingError(
            "medical_recall", recall, f"{known}: the model set {self.name} {self.digest[:8]} knows the price of {lacks}"
        )

    def file(self, name: str) -> Path:
        """Path of a file of the set after its digest was verified; raises `WeightsError` with both digests."""
        if name not in self.pins:
            raise WeightsError(f"The model set {self.name} has no file {name}.")
        path = self.folder / name
        if not path.is_file():
            raise WeightsError(f"The model set {self.name} is damaged: {path} is missing.", OTHERS)
        stat = path.stat()
        digest = _digest(path, stat.st_size, stat.st_mtime_ns)
        if digest != self.pins[name]:
            raise WeightsError.not_pinned(path, digest, self.pins[name], OTHERS)
        return path


def clusters_file(encoder: str) -> str:
    """Name of the file with an encoder's clusters."""
    return f"{CLUSTERS}{encoder}.joblib"


def load(folder: Path) -> ModelSet:
    """The set in a folder; raises `WeightsError` where its manifest is missing or cannot be read."""
    try:
        stored = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return ModelSet(
            stored["name"],
            hashlib.sha256(_canonical(stored)).hexdigest(),
            stored["profile"],
            folder,
            stored["encoders"],
            stored["prompt_set"],
            tuple(tuple(space) for space in stored["spaces"]),
            Calibration.of_stored(stored["calibration"]),
            stored["files"],
            stored.get("previous", ""),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"There is no readable model set in {folder} ({type(error).__name__}: {error}).") from None


def save(
    folder: Path,
    *,
    name: str,
    profile: str,
    encoders: Mapping[str, str],
    prompt_set: str,
    spaces: tuple[tuple[str, ...], ...],
    calibration: Calibration,
    previous: str = "",
) -> ModelSet:
    """Pin every file that lies in `folder` and write the manifest that makes them a model set."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    document: dict[str, Any] = {
        "name": name,
        "profile": profile,
        "encoders": dict(encoders),
        "prompt_set": prompt_set,
        "spaces": [list(space) for space in spaces],
        "calibration": calibration.stored(),
        "files": {path.name: sha256_of_file(path) for path in files},
    }
    if previous:
        document["previous"] = previous
    write_atomically(folder / MANIFEST, json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")
    return load(folder)


def shipped_set(profile: str) -> ModelSet | None:
    """The set that comes with medsift for a profile, or None where none does."""
    folder = shipped("models") / profile
    return load(folder) if (folder / MANIFEST).is_file() else None


def current(volume: Volume, profile: str) -> ModelSet | None:
    """The set in use for a profile: the one `current.json` on the volume names, else the shipped one, else None.

    Raises `WeightsError` where the named set is missing or its manifest was altered.
    """
    digest = read_in_use(volume).promoted.get(profile)
    if digest is None:
        return shipped_set(profile)
    model_set = load(volume.model_sets / digest)
    if model_set.digest != digest:
        raise WeightsError(
            f"The manifest in {model_set.folder} was altered: its digest is {model_set.digest}, expected is {digest}.",
            OTHERS,
        )
    return model_set


def digest_in_use(volume: Volume, profile: str) -> str:
    """Digest of the set in use for a profile, whether or not it can be read; empty where there is none."""
    shipped_one = shipped_set(profile)
    return read_in_use(volume).promoted.get(profile) or (shipped_one.digest if shipped_one else "")


def assign(vectors: Mapping[str, NDArray[np.float32]], model_set: ModelSet) -> dict[str, NDArray[np.int64]]:
    """The nearest cluster of each vector (n, d), by encoder name, for every encoder the set has clusters of."""
    clusters = model_set.clusters()
    return {name: nearest(rows, clusters[name]) for name, rows in vectors.items() if name in clusters}


def _canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


@cache
def _digest(path: Path, _size: int, _modified_ns: int) -> str:
    return sha256_of_file(path)


@cache
def _alignment(path: Path, digest: str) -> Alignment:
    return read_alignment(path, digest)


@cache
def _head(path: Path, _digest: str) -> Head:
    return read_head(path)


@cache
def _learned(path: Path, _digest: str) -> Learned:
    return read_learned(path)


@cache
def _examples(path: Path, _digest: str) -> Examples:
    return read_examples(path)


@cache
def _clusters(path: Path, digest: str) -> Clusters:
    return read_clusters(path, digest)
