"""What people should look at: pictures whose label would teach most, and labels that look wrong."""

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, TextClause, text


@dataclass(frozen=True)
class QueuedPicture:
    """A picture without label, with what it would teach (`worth`, 0 to 1) and the parts of that, each 0 to 1."""

    sha256: str
    verdict: str
    kind: str | None
    probability: float
    confidence: float
    review_reason: str
    cluster: int | None
    uncertainty: float
    disagreement: float
    novelty: float
    worth: float


@dataclass(frozen=True)
class SuspectedLabel:
    """A label that the current model set contradicts, the surest contradiction first."""

    sha256: str
    label: str
    labelled_by: str
    labelled_at: datetime
    verdict: str
    probability: float
    confidence: float


def queue(connection: Connection, most: int) -> list[QueuedPicture]:
    """The pictures whose label would teach most, best first."""
    found = connection.execute(_first("review_queue", QueuedPicture, "worth"), {"most": most})
    return [QueuedPicture(*row) for row in found]


def suspected_labels(connection: Connection, most: int) -> list[SuspectedLabel]:
    """The labels most surely contradicted."""
    found = connection.execute(_first("suspected_labels", SuspectedLabel, "confidence"), {"most": most})
    return [SuspectedLabel(*row) for row in found]


def _first(view: str, record: type[QueuedPicture] | type[SuspectedLabel], by: str) -> TextClause:
    columns = ", ".join(field.name for field in fields(record))
    return text(f"SELECT {columns} FROM {view} ORDER BY {by} DESC, sha256 LIMIT :most")  # noqa: S608 - names of ours
