"""How often the model set in use says what people said, and whether its confidence means what it says."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medsift.contracts import MEDICAL, NON_MEDICAL
from medsift.evaluation.calibration import Bin, calibration_error, reliability
from medsift.store import JudgedLabel


@dataclass(frozen=True)
class KindFigures:
    """Pictures that people labelled as one kind, and how many the model put on their side."""

    kind: str
    n: int
    right: int


@dataclass(frozen=True)
class Figures:
    """Figures over labelled pictures; None where there are none to tell it from."""

    n: int
    right: int
    accuracy: float | None
    balanced_accuracy: float | None
    missed_medical: int
    false_medical: int
    ece: float | None
    reliability: list[Bin]
    kinds: list[KindFigures]


def figures(judged: Sequence[JudgedLabel]) -> Figures:
    """The figures of these."""
    sides = {side: [each.verdict == side for each in judged if each.label == side] for side in (MEDICAL, NON_MEDICAL)}
    shares = [sum(flags) / len(flags) for flags in sides.values() if flags]
    is_right = np.array([each.verdict == each.label for each in judged], bool)
    confidences = np.array([each.confidence for each in judged], float)
    kinds = Counter(each.kind or "unknown" for each in judged)
    right = Counter(each.kind or "unknown" for each in judged if each.verdict == each.label)
    return Figures(
        n=len(judged),
        right=int(is_right.sum()),
        accuracy=float(is_right.mean()) if judged else None,
        balanced_accuracy=sum(shares) / 2 if len(shares) == 2 else None,
        missed_medical=sides[MEDICAL].count(False),
        false_medical=sides[NON_MEDICAL].count(False),
        ece=calibration_error(confidences, is_right),
        reliability=reliability(confidences, is_right),
        kinds=[KindFigures(kind, n, right[kind]) for kind, n in kinds.most_common()],
    )
