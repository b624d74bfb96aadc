"""Plots as papers hold them, drawn with matplotlib from fixed random numbers; their words name no subject."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def _lines(axes: Axes, random: np.random.Generator) -> None:
    steps = np.arange(60)
    for name, rate in (("baseline", 14), ("variant A", 20), ("variant B", 27)):
        axes.plot(steps, 0.2 + 0.8 * np.exp(-steps / rate) + random.normal(0, 0.015, 60), label=name)
    axes.set(xlabel="step", ylabel="error")
    axes.legend(frameon=False)


def _bars(axes: Axes, random: np.random.Generator) -> None:
    places = np.arange(5)
    for shift, colour in ((-0.2, "0.35"), (0.2, "0.75")):
        axes.bar(places + shift, random.uniform(0.5, 0.95, 5), 0.38, yerr=0.03, color=colour, capsize=3)
    axes.set(xticks=places, xticklabels=list("ABCDE"), ylabel="score", ylim=(0, 1.05))


def _scatter(axes: Axes, random: np.random.Generator) -> None:
    x = random.normal(size=250)
    axes.scatter(x, 0.7 * x + random.normal(0, 0.5, 250), s=14, c=x, cmap="viridis", alpha=0.8)
    axes.axline((0, 0), slope=0.7, color="crimson", lw=1)
    axes.set(xlabel="first measure", ylabel="second measure")


def _matrix(axes: Axes, random: np.random.Generator) -> None:
    values = np.corrcoef(random.normal(size=(9, 20)))
    axes.figure.colorbar(axes.imshow(values, cmap="coolwarm", vmin=-1, vmax=1))
    axes.set(xticks=range(9), yticks=range(9))


def _histogram(axes: Axes, random: np.random.Generator) -> None:
    axes.hist([random.normal(0, 1, 400), random.normal(1.5, 0.7, 400)], bins=30, histtype="stepfilled", alpha=0.6)
    axes.set(xlabel="value", ylabel="count")


def _boxes(axes: Axes, random: np.random.Generator) -> None:
    axes.boxplot([random.normal(shift, 0.4, 60) for shift in (0.2, 0.5, 0.4, 0.9)], patch_artist=True)
    axes.set(xticklabels=["I", "II", "III", "IV"], ylabel="difference")
    axes.grid(axis="y", alpha=0.4)


def _contours(axes: Axes, random: np.random.Generator) -> None:
    x, y = np.meshgrid(np.linspace(-3, 3, 80), np.linspace(-3, 3, 80))
    axes.contourf(x, y, np.sin(x) * np.cos(y) + 0.1 * x * y, levels=12, cmap="magma")
    axes.plot(*random.uniform(-2.5, 2.5, (2, 12)), "wo", ms=4)


def _pie(axes: Axes, random: np.random.Generator) -> None:
    axes.pie(random.uniform(1, 4, 5), labels=list("VWXYZ"), autopct="%d %%", textprops={"fontsize": 8})


_DRAWN: dict[str, Callable[[Axes, np.random.Generator], None]] = {
    "lines": _lines,
    "bars": _bars,
    "scatter": _scatter,
    "matrix": _matrix,
    "histogram": _histogram,
    "boxes": _boxes,
    "contours": _contours,
    "pie": _pie,
}
NAMES = tuple(_DRAWN)


def draw(name: str) -> bytes:
    """The plot of that name as PNG; the same bytes each time with the same matplotlib."""
    figure = Figure(figsize=(4.2, 3.0), dpi=130, layout="constrained")
    _DRAWN[name](figure.subplots(), np.random.default_rng(NAMES.index(name)))
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
