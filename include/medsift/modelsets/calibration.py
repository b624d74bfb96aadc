"""The calibration of a model set: how far each voter is trusted, and what a recall costs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from medsift.modelsets.operating_points import OperatingPoint


@dataclass(frozen=True)
class Calibration:
    """How votes become a probability: a weight for each voter's log-odds, one temperature over their sum.

    `points` has what recalls cost on the labelled pictures that it was fitted on; sets of before have none.
    """

    weights: Mapping[str, float]
    temperature: float
    points: tuple[OperatingPoint, ...] = ()

    @classmethod
    def of_stored(cls, stored: Mapping[str, Any]) -> Self:
        """As a manifest has it."""
        points = tuple(OperatingPoint(**row) for row in stored.get("points", ()))
        return cls(stored["weights"], stored["temperature"], points)

    def stored(self) -> dict[str, Any]:
        """As a manifest has it; without points as before there were any, so that the same set has the same digest."""
        points = {"points": [asdict(point) for point in self.points]} if self.points else {}
        return {"weights": dict(self.weights), "temperature": self.temperature, **points}

    def without_points(self) -> Self:
        """The same for votes that it was not fitted on: what recalls cost among them is not known."""
        return replace(self, points=())
