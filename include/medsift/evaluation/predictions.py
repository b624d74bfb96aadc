"""What was said of each picture of a manifest, beside what it is."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO

from medsift.contracts import Label

COLUMNS = (
    "file",
    "label",
    "kind",
    "source",
    "state",
    "reason",
    "verdict",
    "probability",
    "confidence",
    "predicted_kind",
    "needs_review",
)


@dataclass(frozen=True)
class Prediction:
    """A row of the manifest with its verdict; `verdict`, `probability` and `confidence` are None where undecided.

    `state` is what became of the file (kept, exact_duplicate, rejected, failed) and `reason` why; `votes` holds
    P(medical) by voter, None where it abstained.
    """

    file: str
    label: Label
    kind: str = ""
    source: str = ""
    state: str = "kept"
    verdict: Label | None = None
    probability: float | None = None
    confidence: float | None = None
    predicted_kind: str | None = None
    needs_review: bool = False
    votes: Mapping[str, float | None] = field(default_factory=dict)
    reason: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the verdict is the label; no verdict is not."""
        return self.verdict == self.label


def voter_names(predictions: Iterable[Prediction]) -> list[str]:
    """All voters that were asked about any picture, sorted."""
    return sorted({voter for prediction in predictions for voter in prediction.votes})


def predictions_csv(predictions: Sequence[Prediction]) -> str:
    """The table `predictions.csv`: one row a picture, then a column `vote_<voter>` each."""
    voters = voter_names(predictions)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"vote_{voter}" for voter in voters)])
    for prediction in predictions:
        fields = [_cell(getattr(prediction, column)) for column in COLUMNS]
        writer.writerow([*fields, *(_cell(prediction.votes.get(voter)) for voter in voters)])
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}" if isinstance(value, float) else str(value)
