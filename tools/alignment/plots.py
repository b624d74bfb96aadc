"""Plots of the documents, as SVG: the same bytes for the same numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "medsift"


def plot_reliability(bins: Sequence[Mapping[str, float]], path: Path) -> None:
    """Share that is right against mean confidence, a dot a bin of equal mass; on the line confidence is honest."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(4, 4))
    axis.plot([0.5, 1], [0.5, 1], color="grey", linewidth=1, linestyle="--")
    axis.plot([each["confidence"] for each in bins], [each["accuracy"] for each in bins], marker="o", color="#1f77b4")
    axis.set(xlabel="mean confidence", ylabel="share right", xlim=(0.5, 1.01), ylim=(0.4, 1.01))
    axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
