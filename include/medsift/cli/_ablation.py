"""How `medsift ablate` shows its rows on a terminal: balanced accuracy with its interval, pictures without a verdict,
pictures a second."""

from rich.console import Console
from rich.table import Table

from medsift.evaluation.ablation import Ablation, Row

FIGURES = (
    ("balanced", "balanced_accuracy", ".3f"),
    ("AUC", "auc", ".3f"),
    ("ECE", "ece", ".3f"),
    ("none", "undecided", "d"),
    ("a second", "pictures_per_second", ".1f"),
    ("MB", "peak_mb", ".0f"),
)


def show_ablation(ablation: Ablation) -> None:
    """A table a group, then what must be known to read it, and the commands that fill what is not measured."""
    console = Console(highlight=False, markup=False)
    for group, rows in ablation.groups.items():
        table = Table(title=group, title_justify="left", box=None, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("variation", overflow="fold")
        for heading, _, _ in FIGURES:
            table.add_column(heading, justify="right", no_wrap=True)
        for row in rows:
            table.add_row(f"{row.profile}: {row.name}", *_figures(row))
        console.print(table)
    for note in ablation.notes:
        console.print(note, soft_wrap=True)
    for sentence in dict.fromkeys(_filled_by(row) for row in ablation.rows if row.reason):
        console.print(sentence, soft_wrap=True)


def _figures(row: Row) -> list[str]:
    if row.state == "not measured":
        return [row.state]
    shown = [_shown(getattr(row, name), form) for _, name, form in FIGURES]
    if row.interval:
        shown[0] += " ({:.3f} to {:.3f})".format(*row.interval)
    return shown


def _filled_by(row: Row) -> str:
    filled = f" Filled by: {row.command}; then the same again." if row.command else ""
    return f"Not measured: {row.reason}.{filled}"


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
