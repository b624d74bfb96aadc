"""Candidates to pictures, seen from outside the sandbox: a bad picture costs itself and nothing else."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from medsift.errors import PictureError, SandboxError, SourceError
from medsift.pictures.workers import Workers
from medsift.sandbox import GARBAGE, Sandbox


@dataclass(frozen=True)
class Job:
    """A candidate file; `min_side` in pixels is the smallest kept for its kind of source."""

    path: Path
    is_rebuilt: bool
    min_side: int


@dataclass(frozen=True)
class Rules:
    """What holds for all pictures of a run; `copy_max_px` 0 stores them as found."""

    max_aspect_ratio: float
    max_pixels: int
    copy_max_px: int = 0
    copy_quality: int = 85


@dataclass(frozen=True)
class Prepared:
    """What became of a candidate. `stored` is None where the candidate's own bytes are what is to be stored."""

    job: Job
    state: Literal["kept", "rejected", "failed"]
    reason: str = ""
    sha256: str = ""
    width: int = 0
    height: int = 0
    extension: str = ""
    perceptual_hash: str = ""
    stored: bytes | None = None
    thumbnail: bytes = b""


def prepare_all(workers: Workers, jobs: Iterable[Job], rules: Rules) -> Iterator[Prepared]:
    """One `Prepared` a job, in order. A picture over which the child dies or that takes too long is `failed`."""
    return workers.map(partial(_prepare, rules), jobs)


def _prepare(rules: Rules, sandbox: Sandbox, job: Job) -> Prepared:
    arguments = asdict(rules) | {"path": str(job.path), "is_rebuilt": job.is_rebuilt, "min_side": job.min_side}
    try:
        return _kept(job, list(sandbox.stream("medsift.pictures.prepare:prepare", arguments)))
    except PictureError as error:
        return Prepared(job, "rejected" if error.state == "rejected" else "failed", str(error))
    except SourceError as error:
        return Prepared(job, "failed", str(error))


def _kept(job: Job, answers: list[tuple[dict[str, Any], bytes]]) -> Prepared:
    """The child may have been taken over by what it read: only the fields we know, as we know them."""
    facts, thumbnail = answers[0] if answers else ({}, b"")
    shapes = {"sha256": r"[0-9a-f]{64}", "extension": r"[a-z0-9]{2,4}", "perceptual_hash": r"[0-9a-f]{16}"}
    words = {name: str(facts.get(name)) for name in shapes}
    width, height = facts.get("width"), facts.get("height")
    are_words_good = all(re.fullmatch(shape, words[name]) for name, shape in shapes.items())
    if not (are_words_good and isinstance(width, int) and isinstance(height, int)):
        raise SandboxError(GARBAGE)
    stored = answers[1][1] if len(answers) > 1 else None
    return Prepared(job, "kept", width=width, height=height, stored=stored, thumbnail=thumbnail, **words)
