"""How good a refit is: figures of what was said of labelled pictures while these were held back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Verdict
from medsift.evaluation.calibration import calibration_error
from medsift.strategies import SMALLEST

Doubles = NDArray[np.float64]
ROUNDING = 1e-6  # of figures: weights, and what was said of labels held back, are kept to six digits


@dataclass(frozen=True)
class Answers:
    """What was said of labelled pictures: P(medical) (n,), and the kind of each, empty where none was named."""

    probability: Doubles
    kinds: Sequence[str]

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> Self:
        """As verdicts have it."""
        return cls(np.array([v.probability for v in verdicts], np.float64), [v.kind or "" for v in verdicts])


class Figures(TypedDict):
    """Of P(medical) on labelled pictures; log loss in nats, `ece` None where it is not defined."""

    balanced_accuracy: float
    log_loss: float
    ece: float | None


def figures_of(probability: Doubles, is_medical: NDArray[np.bool_]) -> Figures:
    """The figures of P(medical) (n,)."""
    from sklearn.metrics import balanced_accuracy_score, log_loss

    said = probability >= 0.5
    error = calibration_error(np.maximum(probability, 1 - probability), said == is_medical)
    return {
        "balanced_accuracy": float(balanced_accuracy_score(is_medical, said)),
        "log_loss": float(log_loss(is_medical, np.clip(probability, SMALLEST, 1 - SMALLEST), labels=[False, True])),
        "ece": error,
    }


def kinds_named(kinds: Sequence[str], said: Mapping[str, Answers], rows: NDArray[np.bool_]) -> dict[str, float]:
    """Of the kinds (n,) that people named in some rows (n,): their number, `labels`, and what share each names so."""
    named = [row for row in map(int, np.flatnonzero(rows)) if kinds[row]]
    right = {name: sum(of.kinds[row] == kinds[row] for row in named) for name, of in said.items()}
    return {"labels": len(named), **{name: count / max(1, len(named)) for name, count in right.items()}}


def is_not_worse(new: Figures, current: Figures) -> bool:
    """Neither less often right nor, by the log loss, further from the truth. ECE is too noisy on few labels."""
    is_as_right = new["balanced_accuracy"] >= current["balanced_accuracy"] - ROUNDING
    return is_as_right and new["log_loss"] <= current["log_loss"] + ROUNDING
