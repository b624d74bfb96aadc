"""Small immutable records that only the store and its callers share; what steps pass on is in contracts.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

RunState = Literal["running", "done", "failed", "interrupted"]
PersonLabel = Literal["medical", "non-medical", "unsure"]


@dataclass(frozen=True)
class RunRecord:
    """A run as it begins. `started_at` (with time zone) decides which of two runs is the newer one."""

    id: str
    started_at: datetime
    profile: str
    model_set: str
    prompt_set: str
    settings: dict[str, Any] = field(default_factory=dict)
    trigger: str = ""


@dataclass(frozen=True)
class KnownSource:
    """What the store remembers of a source; `extraction` is the digest of settings and code that read it.

    `failed_digest` and `failed_extraction` are those of its last reading, if that one failed and would again.
    """

    source: str
    digest: str
    etag: str
    last_modified: str
    state: str
    extraction: str
    failed_digest: str
    failed_extraction: str


@dataclass(frozen=True)
class ModelSetRecord:
    """A fitted model set; `card` is what its model card says, ready for JSON.

    `held_back` is what was said of the labelled pictures that it was fitted on, P(medical) by identity.
    """

    digest: str
    profile: str
    card: dict[str, Any] = field(default_factory=dict)
    held_back: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class EncodedVectors:
    """EncodedVectors of one encoder: `values` is float32 (n, width), row i belongs to `sha256s[i]`.

    `engine` is what ran the network, empty where that is not known.
    """

    encoder: str
    digest: str
    sha256s: Sequence[str]
    values: NDArray[np.float32]
    engine: str = ""


@dataclass(frozen=True)
class LabelRow:
    """A person's label of a picture; without `labelled_at` it counts from now.

    `is_withdrawn`, of an `unsure` one: the person took the only label back, as if there had been none.
    """

    sha256: str
    label: PersonLabel
    labelled_by: str
    kind: str | None = None
    labelled_at: datetime | None = None
    is_withdrawn: bool = False


@dataclass(frozen=True)
class LabelsAdded:
    """What became of labels: newly stored, stored before, and pictures that the store does not know."""

    added: int
    repeated: int
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class PictureFilter:
    """Which pictures are wanted; None lets everything pass. `source` and `run` are exact.

    `disputed`: whether voters disagree. `duplicates`: whether it looks like an earlier picture. `words` must all stand,
    or begin a word, in the captions. `decided_by`: person or model. `model_set`: the one whose verdict is shown; a
    `cluster` without it is one of the set in use, as numbers begin anew with each.
    """

    label: str | None = None
    kind: str | None = None
    min_confidence: float | None = None
    max_confidence: float | None = None
    min_probability: float | None = None
    max_probability: float | None = None
    needs_review: bool | None = None
    source: str | None = None
    source_kind: str | None = None
    run: str | None = None
    disputed: bool | None = None
    duplicates: bool | None = None
    decided_by: str | None = None
    cluster: int | None = None
    model_set: str | None = None
    words: str | None = None


@dataclass(frozen=True)
class ExportRow:
    """A picture with its label and the first place where it stands."""

    sha256: str
    label: str
    decided_by: str
    labelled_by: str | None
    probability: float | None
    confidence: float | None
    kind: str | None
    needs_review: bool
    first_seen: datetime
    last_seen: datetime
    width: int
    height: int
    extension: str
    near_duplicate_of: str | None
    source: str | None
    source_kind: str | None
    page: int | None
    url: str | None
    path: str | None
    caption: str | None


@dataclass(frozen=True)
class SourceVerdicts:
    """A source of a run with its pictures counted by verdict; distinct pictures, `to_review` overlaps both."""

    source: str
    kind: str
    state: str
    reason: str
    found: int
    medical: int
    non_medical: int
    to_review: int


@dataclass(frozen=True)
class Neighbour:
    """A picture like another; `similarity` is the cosine of their vectors, 1 for the same direction."""

    sha256: str
    similarity: float
