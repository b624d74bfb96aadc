"""The small immutable records that pass between the steps, on disk as Parquet (see steps/tables.py).

Only plain fields: text, numbers, tuples of numbers and dictionaries of text, so that a record is a row.
"""

from dataclasses import dataclass, field
from typing import Literal

SourceState = Literal["done", "partial", "empty", "unchanged", "failed"]
OccurrenceState = Literal["kept", "exact_duplicate", "rejected", "failed"]
Label = Literal["medical", "non-medical"]

Kinds = tuple[str | None, str | None]  # of a picture: if it is medical, if it is not

PICTURE_ENDINGS = (
    "jpg", "jpeg", "jfif", "png", "tif", "tiff", "webp", "gif", "bmp", "jp2", "avif",
)  # fmt: skip

MEDICAL: Label = "medical"
NON_MEDICAL: Label = "non-medical"


@dataclass(frozen=True)
class Leaf:
    """A leaf source: one file or one address, as planned.

    `source` is its one name everywhere (absolute path or address; of a DICOM file in a stored run a keyed hash of its
    path); `kind` a registered source kind, empty where nothing can read it. `state` is `new`, `unchanged` (its pictures
    come from the store), or `empty` or `failed` with a reason.
    `digest` is the SHA-256 of a file's bytes, or of what an address gave the last time; `etag` and `last_modified` are
    what its server said then.
    """

    source: str
    kind: str
    batch: str
    path: str | None = None
    url: str | None = None
    state: Literal["new", "unchanged", "empty", "failed"] = "new"
    reason: str = ""
    digest: str = ""
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class SourceOutcome:
    """What became of a leaf source: one row each, whatever happened."""

    source: str
    kind: str
    state: SourceState
    reason: str = ""
    found: int = 0
    digest: str = ""
    etag: str = ""
    last_modified: str = ""
    title: str = ""
    pages: int = 0


@dataclass(frozen=True)
class Place:
    """Where in a source a picture stands, with the words around it.

    `page` counts from 1; `box` is (x0, y0, x1, y1) in points from the top left of the page as displayed;
    `frame` counts from 1 where one file holds several pictures; `url` is the picture's own address, `path` its file.
    `tags` holds what the file says of itself and may be kept (DICOM: Modality and the like, never a person's; PDF:
    xref, pixel_size, colour_space of the picture's object).
    """

    page: int | None = None
    box: tuple[float, ...] | None = None
    frame: int | None = None
    url: str | None = None
    path: str | None = None
    caption: str = ""
    nearby: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A picture as pulled out of a source: an encoded image (`data`) in a place.

    `is_rebuilt`: the bytes are a PNG made by us (mask, turn, colour space), so that the identity is taken over
    pixels; otherwise they are the file or stream as found and the identity is taken over its bytes.
    """

    place: Place
    data: bytes
    is_rebuilt: bool


@dataclass(frozen=True)
class Missed:
    """A picture, page or part that could not be had. With `is_part` it is no picture but a page or part: the
    source is then `partial`, and no occurrence is counted."""

    place: Place
    state: Literal["rejected", "failed"]
    reason: str
    is_part: bool = False


@dataclass(frozen=True)
class About:
    """What a source says of itself, yielded at most once: title, pages, and what a server said of its version."""

    title: str = ""
    pages: int = 0
    digest: str = ""
    etag: str = ""
    last_modified: str = ""
    is_unchanged: bool = False


@dataclass(frozen=True)
class Occurrence:
    """A picture in a place, or a candidate that did not become one (then `sha256` is None, with a reason)."""

    source: str
    kind: str
    ordinal: int
    state: OccurrenceState
    reason: str = ""
    sha256: str | None = None
    candidate: str | None = None
    is_rebuilt: bool = False
    page: int | None = None
    box: tuple[float, ...] | None = None
    frame: int | None = None
    url: str | None = None
    path: str | None = None
    caption: str = ""
    nearby: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A distinct picture. `sha256` is its identity (house rule: bytes as found, or pixels where rebuilt).

    `stored_sha256` and `stored_bytes` are of the file on the volume; `perceptual_hash` is 64 bits in hex.
    """

    sha256: str
    width: int
    height: int
    extension: str
    stored_sha256: str
    stored_bytes: int
    perceptual_hash: str
    near_duplicate_of: str | None = None


@dataclass(frozen=True)
class Portion:
    """Pictures of a run that are judged and published together, so many as fit into memory: `pictures` of them.

    Its `name` begins the names of its tables; that of a portion to be embedded is the shard's.
    """

    name: str
    pictures: int


@dataclass(frozen=True)
class Surroundings:
    """What stands around a picture: captions of all its places, a line each, and all their tags (the first wins)."""

    sha256: str
    captions: str
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Vector:
    """A picture's vector by one encoder: float32, unit length."""

    sha256: str
    encoder: str
    encoder_digest: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Vote:
    """What one voter says of one picture: P(medical), or None where it abstains.

    `kind` fits its own answer, `kind_otherwise` is the best one should the verdict be the other way. `is_strange`: it
    lies far from everything that the voter knows.
    """

    sha256: str
    voter: str
    probability: float | None
    kind: str | None = None
    cluster: int | None = None
    reason: str = ""
    kind_otherwise: str | None = None
    is_strange: bool = False


@dataclass(frozen=True)
class Assignment:
    """The cluster that a picture falls into in one encoder's space."""

    sha256: str
    encoder: str
    cluster: int


@dataclass(frozen=True)
class Verdict:
    """The ensemble's answer for a picture: `probability` is P(medical) after calibration."""

    sha256: str
    verdict: Label
    probability: float
    confidence: float
    kind: str | None
    agreement: float
    needs_review: bool
    review_reason: str = ""
