"""What a recall costs, as commands print it."""

from collections.abc import Sequence

from medsift.modelsets.operating_points import OperatingPoint

NONE = (
    "No recall may be asked for (setting medical_recall): the set was fitted without labels, on few or by an older "
    "version."
)
HEADING = "What a recall costs (setting medical_recall), on labelled pictures held back while thresholds were set:"
COLUMNS = ("recall asked for", "medical from", "recall reached", "precision", "others called medical")


def operating_points_text(points: Sequence[OperatingPoint]) -> str:
    """A Markdown table as in the card above it, or a sentence."""
    if not points:
        return NONE
    rows = [
        (str(point.asked), f"{point.threshold:.6f}", *map(_share, (point.recall, point.precision, point.false_alarms)))
        for point in points
    ]
    return "\n".join([HEADING, "", *(f"| {' | '.join(cells)} |" for cells in (COLUMNS, ["---"] * len(COLUMNS), *rows))])


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.4f}"
