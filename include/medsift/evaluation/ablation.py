"""Variations side by side: the rows of `medsift ablate`, as JSON, as CSV and for people."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from io import StringIO
from typing import Any, Literal

from medsift.evaluation.metrics import intervals, measure
from medsift.evaluation.predictions import Prediction

NO_WEIGHTS = "weights not available"


@dataclass(frozen=True)
class Cost:
    """What embedding takes with a variation's encoders: `pictures_per_second` from stored file to vector, and the
    most memory of a process that does it."""

    pictures_per_second: float
    peak_mb: float


@dataclass(frozen=True)
class Row:
    """One variation. Where it was not measured, all figures are None, `reason` says why and `command` what fills it.

    `interval` is the 95 % interval of the balanced accuracy by source; `undecided` counts as wrong in every figure.
    """

    group: str
    name: str
    profile: str
    encoders: str
    state: Literal["measured", "not measured"]
    reason: str = ""
    command: str = ""
    n: int | None = None
    undecided: int | None = None
    balanced_accuracy: float | None = None
    interval: tuple[float, float] | None = None
    accuracy: float | None = None
    auc: float | None = None
    ece: float | None = None
    accuracy_at_85: float | None = None
    review_rate: float | None = None
    pictures_per_second: float | None = None
    peak_mb: float | None = None

    @property
    def shown_state(self) -> str:
        """`measured`, or why not in a few words."""
        return f"{self.state}: {self.reason}" if self.reason else self.state


COLUMNS = tuple(column.name for column in fields(Row))
FROM_METRICS = ("n", "undecided", "balanced_accuracy", "accuracy", "auc", "ece", "accuracy_at_85", "review_rate")


@dataclass(frozen=True)
class Ablation:
    """All rows; `notes` are sentences without which the figures would be read wrongly."""

    n: int
    folds: int
    rows: Sequence[Row]
    notes: Sequence[str] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """The document `ablation.json`."""
        return asdict(self)

    def as_csv(self) -> str:
        """The table `ablation.csv`: one row a variation."""
        text = StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            interval = "" if row.interval is None else "{:.6f} {:.6f}".format(*row.interval)
            writer.writerow({**asdict(row), "interval": interval})
        return text.getvalue()

    @property
    def groups(self) -> dict[str, list[Row]]:
        """Rows by group, in order."""
        grouped: dict[str, list[Row]] = {}
        for row in self.rows:
            grouped.setdefault(row.group, []).append(row)
        return grouped


def measured(
    group: str, name: str, profile: str, encoders: str, predictions: Sequence[Prediction], cost: Cost | None
) -> Row:
    """The row of a variation that was judged."""
    metrics = measure(predictions, 0.0, 0.0)
    return Row(
        group, name, profile, encoders, "measured",
        interval=intervals(predictions, ["balanced_accuracy"])["balanced_accuracy"],
        pictures_per_second=cost.pictures_per_second if cost else None,
        peak_mb=cost.peak_mb if cost else None,
        **{figure: metrics[figure] for figure in FROM_METRICS},
    )  # fmt: skip


def not_measured(group: str, name: str, profile: str, encoders: str, reason: str, command: str = "") -> Row:
    """The row of a variation that could not be judged; `command` is what must be done before it can."""
    return Row(group, name, profile, encoders, "not measured", reason, command)
