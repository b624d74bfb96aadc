"""Operating points: from which P(medical) on a picture is called medical, and what that costs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
EVEN = 0.5  # what is called medical from where no recall is asked for
RECALLS = (0.9, 0.95, 0.98, 0.99, 0.995)  # what may be asked for
MOST_DIGITS = 6  # of a threshold
ROUNDING = 1e-9


@dataclass(frozen=True)
class OperatingPoint:
    """Medical from P(medical) >= `threshold`, and what that gave, or would have given, on labelled pictures.

    `asked` is the recall that it stands for, None where none was. `recall`: share of the medical pictures found;
    `precision`: share of medical ones among those called medical; `false_alarms`: share of the others called medical.
    A share of no picture is None.
    """

    asked: float | None
    threshold: float
    recall: float | None
    precision: float | None
    false_alarms: float | None


def operating_points(
    probability: Doubles, is_medical: NDArray[np.bool_], parts: NDArray[np.intp]
) -> tuple[OperatingPoint, ...]:
    """For each of `RECALLS` the highest threshold that reaches it on these pictures, (n,) all three.

    What it costs is counted on each of the `parts` with the threshold that the other parts alone would give: those
    that it was taken from reach the recall in any case. A recall that allows not one of the medical pictures of these
    others to be missed is left out: so few cannot tell it from all.
    """
    points = []
    for asked in RECALLS:
        threshold = _threshold(asked, probability[is_medical])
        held_back = {part: _threshold(asked, probability[is_medical & (parts != part)]) for part in np.unique(parts)}
        if threshold is not None and None not in held_back.values():
            is_called = probability >= np.array([held_back[part] for part in parts])
            points.append(_point(asked, threshold, is_called, is_medical))
    return tuple(points)


def measured_point(
    asked: float | None, threshold: float, probability: Doubles, is_medical: NDArray[np.bool_]
) -> OperatingPoint:
    """What that threshold gives on these pictures, (n,) both."""
    return _point(asked, threshold, probability >= threshold, is_medical)


def _point(
    asked: float | None, threshold: float, is_called: NDArray[np.bool_], is_medical: NDArray[np.bool_]
) -> OperatingPoint:
    return OperatingPoint(
        asked,
        threshold,
        _share(is_called[is_medical]),
        _share(is_medical[is_called]),
        _share(is_called[~is_medical]),
    )


def _threshold(asked: float, of_medical: Doubles) -> float | None:
    """The highest that finds this share of them, None where no share less than all does."""
    falling = np.sort(of_medical)[::-1]
    count = int(np.ceil(asked * len(falling) - ROUNDING))
    return _rounded_down(float(falling[count - 1])) if 0 < count < len(falling) else None


def _rounded_down(threshold: float) -> float:
    """Rounded so that the picture it was taken from still reaches it."""
    return float(np.floor(threshold * 10**MOST_DIGITS) / 10**MOST_DIGITS)


def _share(flags: NDArray[np.bool_]) -> float | None:
    return round(float(flags.mean()), MOST_DIGITS) if len(flags) else None
