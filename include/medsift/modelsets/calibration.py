"""The calibration of a model set: how far each voter is trusted, and what a recall costs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from medsift.modelsets.operating_points import OperatingPoint


@dataclass(frozen=True)
class Calibration:
    """How votes become a probability: a weight for each voter's log-odds, one temperature over their sum.

    `points` has what recalls cost among the labelled pictures that it was fitted on, held back in turn; sets of before
    have none. `alike_from` is the cosine, in the space of words, from which pictures of a run have a say in one
    another's verdict; without it none has. `untaught` counts in its place where the voter `learned` abstains, since a
    picture is unlike all that people labelled: what labels of one look teach leaves all others as they were.
    """

    weights: Mapping[str, float]
    temperature: float
    points: tuple[OperatingPoint, ...] = ()
    alike_from: float | None = None
    untaught: "Calibration | None" = None

    @classmethod
    def of_stored(cls, stored: Mapping[str, Any]) -> Self:
        """As a manifest has it."""
        points = tuple(OperatingPoint(**row) for row in stored.get("points", ()))
        untaught = cls.of_stored(stored["untaught"]) if "untaught" in stored else None
        return cls(stored["weights"], stored["temperature"], points, stored.get("alike_from"), untaught)

    def stored(self) -> dict[str, Any]:
        """As a manifest has it; without what older sets lack, so that the same set has the same digest."""
        points = {"points": [asdict(point) for point in self.points]} if self.points else {}
        alike = {"alike_from": self.alike_from} if self.alike_from is not None else {}
        untaught = {"untaught": self.untaught.stored()} if self.untaught else {}
        return {"weights": dict(self.weights), "temperature": self.temperature, **points, **alike, **untaught}

    def without_points(self) -> Self:
        """The same for votes that it was not fitted on: what recalls cost among them is not known."""
        return replace(self, points=())
