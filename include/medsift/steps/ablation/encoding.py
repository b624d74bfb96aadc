"""Vectors of the pictures by one tower, in a process of its own, so that its speed and memory can be told.

What was made is kept below the results: a second call makes only what is missing.
"""

import json
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import numpy as np

from medsift.encoders import CNN_ENCODERS, Encoder, Floats, load_profile
from medsift.errors import MedsiftError
from medsift.modelsets import current
from medsift.pictures.batches import pixel_batches
from medsift.prompts import PromptSet, load_prompts
from medsift.settings import Enhancement, Settings
from medsift.steps.context import Context
from medsift.steps.embed import are_finite
from medsift.steps.profile import encoded_prompts, kept_prompts, prompts_file
from medsift.steps.resources import peak_memory_mb
from medsift.steps.tables import read_vectors, write_vectors
from medsift.steps.vectors import Vectors
from medsift.volume import Volume, write_atomically

Part = Literal["words", "cnn"]
Files = Sequence[tuple[str, Path]]  # identities and where the pictures lie
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Spec:
    """Which encoder: that for words or the CNN of a profile, or, where `profile` is empty, the CNN of that `name`.

    `enhance` is what is done to pictures before, None for what the settings say.
    """

    profile: str
    part: Part
    name: str = ""
    enhance: tuple[Enhancement, ...] | None = None

    def load(self, settings: Settings) -> Encoder:
        """The encoder; raises `WeightsError` while its weights are not there."""
        if not self.profile:
            return CNN_ENCODERS.get(self.name)(settings)
        enhance = settings.enhance if self.enhance is None else list(self.enhance)
        chosen = settings.model_copy(update={"profile": self.profile, "enhance": enhance})
        profile = load_profile(chosen, current(Volume(settings.volume), self.profile))
        return profile.words if self.part == "words" else profile.cnn


@dataclass(frozen=True)
class Measured:
    """One encoder at work: seconds from stored file to vector for `pictures` of them, and the most memory held.

    `peak_mb` includes, of an encoder with words, its text tower; `scale` as `Encoder` has it.
    """

    name: str
    digest: str
    tower: str
    engine: str
    scale: float
    pictures: int
    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Encoded:
    """An encoder's vectors of all pictures it could make any of, what making them took, and its prompts by set."""

    measured: Measured
    vectors: Vectors
    prompts: Mapping[str, Floats]


def encode(
    settings: Settings, specs: Sequence[Spec], volume: Volume, files: Files, prompt_sets: Sequence[str], told: Told
) -> dict[Spec, Encoded]:
    """Vectors by encoders that share one tower; raises `MedsiftError` where the process cannot make them."""
    encoders = {spec: spec.load(settings) for spec in specs}
    kept = {spec: _Kept(volume, encoder.digest) for spec, encoder in encoders.items()}
    prompts = [load_prompts(settings.prompts_dir, name) for name in prompt_sets]
    with_words = {encoder.digest for encoder in encoders.values() if encoder.has_words}
    wanted = [prompts_file(volume, digest, chosen) for digest in with_words for chosen in prompts]
    known = set.intersection(*(known.identities() for known in kept.values()))
    todo = [(sha256, path) for sha256, path in files if sha256 not in known]
    if todo or not all(path.exists() for path in wanted) or not all(each.is_measured() for each in kept.values()):
        _in_own_process(_Job(settings, tuple(specs), volume.root, tuple(todo), tuple(prompts)), told)
    return {
        spec: kept[spec].read({chosen.name: prompts_file(volume, encoder.digest, chosen) for chosen in prompts})
        for spec, encoder in encoders.items()
    }


class _Kept:
    """What is kept of one encoder: its vectors, and how it was when it made the most of them at once."""

    def __init__(self, volume: Volume, digest: str) -> None:
        self._table = volume.kept_vectors(digest)
        self._measured = self._table.with_suffix(".json")

    def is_measured(self) -> bool:
        return self._measured.exists()

    def identities(self) -> set[str]:
        return set(read_vectors(self._table)[0]) if self._table.exists() and self.is_measured() else set()

    def add(self, sha256s: Sequence[str], rows: Floats, measured: Measured) -> None:
        before = Vectors.joined([read_vectors(self._table)] if self._table.exists() else [])
        fresh = [number for number, sha256 in enumerate(sha256s) if sha256 not in before.row_of]
        if fresh:
            joined = Vectors.joined([(list(before.row_of), before.rows), ([sha256s[i] for i in fresh], rows[fresh])])
            write_vectors(self._table, list(joined.row_of), joined.rows)
        if not self.is_measured() or len(sha256s) >= self._as_measured().pictures:
            write_atomically(self._measured, json.dumps(asdict(measured), indent=1).encode())

    def read(self, prompts: Mapping[str, Path]) -> Encoded:
        vectors = Vectors.joined([read_vectors(self._table)] if self._table.exists() else [])
        at_hand = {name: kept_prompts(path).vectors for name, path in prompts.items() if path.exists()}
        return Encoded(self._as_measured(), vectors, at_hand)

    def _as_measured(self) -> Measured:
        return Measured(**json.loads(self._measured.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class _Job:
    settings: Settings
    specs: tuple[Spec, ...]
    root: Path
    todo: tuple[tuple[str, Path], ...]
    prompts: tuple[PromptSet, ...]


def _in_own_process(job: _Job, told: Told) -> None:
    context = multiprocessing.get_context("spawn")  # a fork would share what torch holds
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, job))
    process.start()
    theirs.close()
    try:
        while message := ours.recv():
            if isinstance(message, str):
                raise MedsiftError(message)
            told(*message)
    except EOFError:
        process.join()
        raise MedsiftError(f"The process that made the vectors died (status {process.exitcode}).") from None
    finally:
        process.terminate()
        process.join()


def _work(connection: Connection, job: _Job) -> None:
    """In the process: (done, total) as pictures are embedded, a sentence where they cannot be, at the end None."""
    try:
        _embed(job, lambda done, total: connection.send((done, total)))
    except MedsiftError as error:
        connection.send(str(error))
        return
    connection.send(None)


def _embed(job: _Job, told: Told) -> None:
    encoders = [spec.load(job.settings) for spec in job.specs]
    tower, volume = encoders[0].tower, Volume(job.root)
    engine = tower.engine  # loads the network: that is no part of the speed
    begun = time.monotonic()
    sha256s, made = _vectors(job, encoders, told)
    seconds, without_words = time.monotonic() - begun, peak_memory_mb()
    for encoder in encoders:
        for prompts in job.prompts if encoder.has_words else ():
            encoded_prompts(volume, encoder, prompts)
    for encoder, rows in zip(encoders, made, strict=True):
        peak_mb = peak_memory_mb() if encoder.has_words else without_words
        facts = (encoder.name, encoder.digest, tower.digest, engine, encoder.scale)
        _Kept(volume, encoder.digest).add(sha256s, rows, Measured(*facts, len(sha256s), seconds, peak_mb))


def _vectors(job: _Job, encoders: Sequence[Encoder], told: Told) -> tuple[list[str], list[Floats]]:
    """Identities of the pictures that could be embedded, and of each encoder their vectors (n, d)."""
    tower = encoders[0].tower
    sha256s: list[str] = []
    parts: list[list[Floats]] = [[np.zeros((0, encoder.dimension), np.float32)] for encoder in encoders]
    with Context.opened(job.settings, "", volume=Volume(job.root), is_stored=False) as context:
        views = [asdict(view) for view in tower.views]
        for batch in pixel_batches(context.workers, job.todo, views, job.settings.batch_size, job.settings.max_pixels):
            if not batch.sha256s:
                continue
            features = tower.features(batch.pixels[tower.views[0].size])
            rows = [encoder.from_features(features) for encoder in encoders]
            usable = are_finite(rows)
            for kept, made in zip(parts, rows, strict=True):
                kept.append(made[usable])
            sha256s += [sha256 for sha256, is_usable in zip(batch.sha256s, usable, strict=True) if is_usable]
            told(len(sha256s), len(job.todo))
    return sha256s, [np.concatenate(kept) for kept in parts]
