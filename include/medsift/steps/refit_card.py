"""The card of a model set fitted on labels: on what, how well it did on labels held back, what it took the place of."""

from collections.abc import Mapping
from typing import Any

FIGURES = {"balanced_accuracy": "balanced accuracy", "log_loss": "log loss", "ece": "calibration error (ECE)"}


def card_of(profile: str, told: Mapping[str, Any]) -> str:
    """The card as Markdown, of what `refit` tells."""
    new, current = told["new"], told["current"]
    rows = [f"| {name} | {_shown(new[key])} | {_shown(current[key])} |" for key, name in FIGURES.items()]
    kinds = told["kinds"]
    if kinds["labels"]:
        name = f"of {kinds['labels']} pictures whose kind people named, named so"
        rows.append(f"| {name} | {_shown(kinds['new'])} | {_shown(kinds['current'])} |")
    pictures = f"those of {told['pictures']} stored pictures" if told["pictures"] else "those of the set built upon"
    learned = "fitted" if told["is_learning"] else "silent: too few labels"
    return "\n".join(
        [
            f"# Model set of profile {profile}, fitted on people's labels",
            "",
            f"- Date: {told['date']}",
            f"- Labels: {told['labels']}, of which {told['medical']} say medical, in {told['groups']} groups (sources, "
            "DICOM studies, near duplicates).",
            f"- Cluster centres: {pictures}; named by labels where members are labelled, else as before.",
            f"- Voter `learned`: {learned}.",
            f"- Fitted to take the place of: {told['previous'] or 'none'}",
            "",
            f"Measured in {told['folds']} folds over whole groups, on {told['compared']} of the labels; no picture was "
            "judged by a set that had seen its group:",
            "",
            "| figure | this way of fitting | the set in use before |",
            "| --- | --- | --- |",
            *rows,
            "",
            f"People choose what they label: the figures hold for such pictures, and {told['labels']} are few. New",
            "centres are fitted without labels, on held-back pictures too. Not a medical device.",
            "",
        ]
    )


def _shown(figure: float | None) -> str:
    return "not defined" if figure is None else f"{figure:.4f}"
