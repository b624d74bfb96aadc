"""One picture with all that is known of it, and what the model set in use makes of labelled ones."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from medsift.contracts import Vote
from medsift.store.gallery import ListedPicture, listed
from medsift.store.labelling import SaidLabel, history

PLACES = """
SELECT s.source, o.kind, o.page, o.box, o.frame, o.url, o.path, o.caption, o.nearby,
       CASE WHEN o.kind = 'pdf' AND o.path IS NOT NULL THEN NULL ELSE s.document END AS document, d.title
FROM occurrences o JOIN sources s ON s.id = o.source_id LEFT JOIN documents d ON d.digest = s.document
WHERE o.sha256 = :sha256 ORDER BY s.source, o.ordinal LIMIT :most
"""
# Of the verdict that `picture_labels` shows.
VOTES = """
SELECT {columns} FROM votes JOIN (
    SELECT v.sha256, v.model_set, v.prompt_set FROM verdicts v JOIN model_sets m ON m.digest = v.model_set
    WHERE v.sha256 = :sha256
    ORDER BY is_current DESC, decided_at DESC, run_id DESC, model_set, prompt_set LIMIT 1
) shown USING (sha256, model_set, prompt_set)
ORDER BY voter
"""
# Links are followed both ways: a picture may be linked to one that is itself linked, or that is not stored yet.
DUPLICATES = """
WITH RECURSIVE family AS (
    SELECT :sha256 AS sha256
    UNION
    SELECT CASE WHEN p.sha256 = f.sha256 THEN p.near_duplicate_of ELSE p.sha256 END
    FROM family f JOIN pictures p ON p.sha256 = f.sha256 OR p.near_duplicate_of = f.sha256
)
SELECT sha256 FROM family WHERE sha256 <> :sha256 ORDER BY sha256 LIMIT :most
"""
PAGE_PLACES = """
SELECT EXISTS (
    SELECT FROM occurrences o JOIN sources s ON s.id = o.source_id
    WHERE s.document = :document AND o.page = :page AND o.kind = 'pdf' AND o.sha256 IS NOT NULL AND o.path IS NULL)
"""
JUDGED = """
SELECT c.sha256, c.label, v.verdict, v.probability, v.confidence, c.kind
FROM catalogue c JOIN current_verdicts v USING (sha256) WHERE c.decided_by = 'person' ORDER BY c.sha256
"""
RUNS = """
SELECT id, state, started_at, finished_at, trigger, profile, counts FROM runs ORDER BY started_at DESC, id LIMIT :most
"""
MOST_PLACES, MOST_DUPLICATES = 100, 60
VOTE = ", ".join(f"votes.{field.name}" for field in fields(Vote))


@dataclass(frozen=True)
class ShownPlace:
    """A place of a picture; `document` is the digest of what its source gave when it was read last, none for a file
    attached to it: the page is then not one of the document's."""

    source: str
    kind: str
    page: int | None
    box: tuple[float, ...] | None
    frame: int | None
    url: str | None
    path: str | None
    caption: str
    nearby: str
    document: str | None
    title: str | None


@dataclass(frozen=True)
class PictureDetails:
    """A picture with its places, the votes of the verdict shown, what looks like it, and its labels, newest first."""

    picture: ListedPicture
    places: tuple[ShownPlace, ...]
    votes: tuple[Vote, ...]
    duplicates: tuple[ListedPicture, ...]
    history: tuple[SaidLabel, ...]


@dataclass(frozen=True)
class JudgedLabel:
    """What a person said of a picture beside the model's verdict; `kind` is the one that is shown."""

    sha256: str
    label: str
    verdict: str
    probability: float
    confidence: float
    kind: str | None


@dataclass(frozen=True)
class PastRun:
    """A run as the store has it."""

    id: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    trigger: str
    profile: str
    counts: dict[str, Any]


def details(connection: Connection, sha256: str) -> PictureDetails | None:
    """All that is known of a picture; None where it is not known or was never judged."""
    found = listed(connection, [sha256])
    if not found:
        return None
    alike = list(connection.scalars(text(DUPLICATES), {"sha256": sha256, "most": MOST_DUPLICATES}))
    rows = connection.execute(text(PLACES), {"sha256": sha256, "most": MOST_PLACES})
    places = [
        ShownPlace(**row | {"box": tuple(row["box"]) if row["box"] else None}) for row in map(dict, rows.mappings())
    ]
    votes = connection.execute(text(VOTES.format(columns=VOTE)), {"sha256": sha256})
    return PictureDetails(
        found[0],
        tuple(places),
        tuple(Vote(*row) for row in votes),
        tuple(listed(connection, alike)),
        tuple(history(connection, [sha256]).get(sha256, ())),
    )


def has_picture_on(connection: Connection, document: str, page: int) -> bool:
    """Whether a picture was found on that page of that PDF."""
    return bool(connection.scalar(text(PAGE_PLACES), {"document": document, "page": page}))


def judged_labels(connection: Connection) -> Sequence[JudgedLabel]:
    """Every sure label of a picture that the model set in use has judged."""
    return [JudgedLabel(*row) for row in connection.execute(text(JUDGED))]


def recent_runs(connection: Connection, most: int) -> Sequence[PastRun]:
    """The newest runs."""
    return [PastRun(*row) for row in connection.execute(text(RUNS), {"most": most})]
