"""The model card: what the set was fitted on, under which licences, what was measured, where it fails."""

from pathlib import Path
from typing import Any

import pandas as pd
from alignment.build import CLUSTERS
from alignment.fit import CENTRES, DIMENSION

from medsift.modelsets import CARD, Calibration
from medsift.modelsets.operating_points import OperatingPoint

TEXT = """# Model set `lite`

Brings the pictures of EfficientNet-Lite0 (frozen, ImageNet) and the words of all-MiniLM-L6-v2 (frozen) into one
space of {dimension} dimensions by two linear maps, both in closed form: discriminant analysis of the pictures' kinds
and sources, over the last layer and all stages before it, and ridge regression from captions to the pictures they
describe. With it come a head that knows the kinds of the training pictures (voter `kinds`) and, by a kernel over
{centres} groups of them, the label (voter `kernel`); {clusters} K-Means clusters in the space of either encoder,
labelled by their members; and the weights and the temperature that make a probability of the votes, with the cosine
from which pictures of one folder or document have a say in one another's verdict (`neighbours`). Made by
`tools/train_alignment.py`; `modelset.json` pins every file.

**Not a medical device.** It sorts pictures into medical and other ones for collecting and curating; it says nothing
about a patient.

## Measured

On {n} pictures of {sources} sources in {folds} folds over whole sources (`tools/folds.csv`); standardisation,
alignment, clusters and calibration were fitted anew for each fold, and no figure is from a picture, or a source,
that was trained on. Of each kind in each source at most {most} pictures are used. Many kinds have few sources, so
that a fold often leaves most of a kind out. The pictures of a source are judged as those of one folder: those alike
have a say in one another's verdict; "by itself" is without. Intervals: 95 %, bootstrap over sources. Prompts: set
`figures`, none of them a training caption.

{headline}

Figures of several panels, each with one of these pictures among others of its kind and source (by the same sets, and
the calibration that ships): balanced accuracy {panels:.3f} in a folder, {panels_alone:.3f} by themselves.

Each voter alone, over the pictures it votes on:

{voters}

By kind (share with the right label, and F1 of naming the kind; `sources` counts how many carry it):

{kinds}

{apart}

Calibration that ships: {calibration}. It is fitted on the votes of all folds (but for `dicom`: no training
picture has a tag, so that the voter counts with the odds it states); the figures above use for each fold the
calibration of the others.

What a recall that is asked for (setting `medical_recall`) costs, and how much of it is reached, on each fold with the
threshold that the other folds give:

{points}

## Data

{data_n} pictures of {data_sources} sources: those of the corpus, at most 288 px long and re-compressed as JPEG; drawn
ones of kinds that few sources carry (`tools/alignment/drawn`); and some of packages (`tools/alignment/packages`). The
last two are never judged. None of them ships, only what was fitted. The source `skimage-data` is left out (the sample
is made of its pictures) and so is the kind `illustration-medical` (anatomy drawings, survival curves: neither side is
taught).
Licences as each repository states them:

{licences}

## Limits

- Trained on small pictures; nothing is measured here on large ones or on whole documents.
- Weak where a kind was carried by one or two sources, where pictures of materials look like tissue (micrographs),
  and on scintigrams, wounds and industrial X-rays: see the table.
- Words outside the captions are understood only as far as MiniLM places them near known ones; English only.
- Drawings of anatomy count as either side.
"""
HEADLINES = {
    "balanced_accuracy": "balanced accuracy",
    "balanced_accuracy_of_three": "the same over kinds that three sources or more carry",
    "balanced_accuracy_of_fewer": "the same over the others, whose fold often leaves out the kind",
    "accuracy": "accuracy",
    "auc": "AUC",
    "recall": "recall of medical",
    "precision": "precision of medical",
    "ece": "calibration error (ECE, 15 bins of equal mass)",
    "accuracy_at_85": "right among the 85 % most confident",
    "kind_macro_f1": "kind told right, macro-F1",
    "kind_macro_f1_of_three": "kind told right, macro-F1 over kinds that three sources or more carry",
    "kind_macro_f1_of_three_medical": "the same, medical kinds (modalities)",
    "kind_macro_f1_of_three_others": "the same, types of other pictures",
    "review_rate": "sent to review (threshold 0.8)",
}


def write_card(
    folder: Path, rows: pd.DataFrame, document: dict[str, Any], calibration: Calibration, most_of_each: int
) -> None:
    """Write CARD.md from what was measured."""
    folds = document["folds"]
    apart = {name: row for name, row in document.items() if "by_source" not in row}
    text = TEXT.format(
        dimension=DIMENSION,
        clusters=CLUSTERS,
        centres=CENTRES,
        most=most_of_each,
        n=folds["n"],
        sources=len(folds["by_source"]),
        folds=8,
        headline=_table(
            ["figure", "value", "interval", "by itself"],
            [_headline(folds, document["alone"], name) for name in HEADLINES],
        ),
        voters=_table(
            ["voter", "n", "balanced accuracy", "AUC"],
            [_voter(name, row) for name, row in folds["voters"].items() if row["n"]],
        ),
        kinds=_table(["kind", "sources", "n", "right", "kind F1"], [_kind(*item) for item in folds["by_kind"].items()]),
        panels=document["panels"]["balanced_accuracy"],
        panels_alone=document["panels_alone"]["balanced_accuracy"],
        apart="\n".join(_apart(*item) for item in apart.items()),
        calibration=_calibration(calibration),
        points=_table(
            ["recall", "medical from P", "recall reached", "precision", "others called medical"],
            [_point(point) for point in calibration.points],
        ),
        data_n=len(rows),
        data_sources=rows["source"].nunique(),
        licences=_table(
            ["licence", "pictures"], [[name, str(n)] for name, n in rows["licence"].value_counts().items()]
        ),
    )
    (folder / CARD).write_text(text)


def _headline(folds: dict[str, Any], alone: dict[str, Any], name: str) -> list[str]:
    interval = folds["intervals"].get(name)
    between = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
    return [HEADLINES[name], f"{folds[name]:.3f}", between, f"{alone[name]:.3f}"]


def _point(point: OperatingPoint) -> list[str]:
    shares = (point.threshold, point.recall, point.precision, point.false_alarms)
    return [str(point.asked), *(f"{share:.3f}" for share in shares)]


def _voter(name: str, row: dict[str, Any]) -> list[str]:
    return [f"`{name}`", str(row["n"]), f"{row['balanced_accuracy']:.3f}", f"{row['auc']:.3f}"]


def _kind(name: str, row: dict[str, Any]) -> list[str]:
    return [name, str(row["sources"]), str(row["n"]), f"{row['accuracy']:.3f}", f"{row['kind_f1']:.3f}"]


def _apart(name: str, row: dict[str, Any]) -> str:
    return f"Not in these figures: `{name}`, {row['n']} pictures, {row['accuracy']:.0%} of them called non-medical."


def _calibration(calibration: Calibration) -> str:
    weights = ", ".join(f"`{voter}` {weight:.3f}" for voter, weight in calibration.weights.items())
    return f"weights {weights}; temperature {calibration.temperature:.3f}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
