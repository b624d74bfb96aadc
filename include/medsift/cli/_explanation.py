"""An explanation as a person reads it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from medsift.steps.explain import Explanation

NOTHING = "-"
ROW_WIDTH = 120  # letters of a row that begins with an identity, which is to be copied whole, in any terminal


def show_explanation(explanation: Explanation, png: Path) -> None:
    """Print verdict, voters, prompts, clusters and pictures alike, each as a small table."""
    console = Console(highlight=False, markup=False)
    verdict = explanation.verdict
    kind = f" ({verdict.kind})" if verdict.kind else ""
    console.print(f"{verdict.verdict}{kind}, confidence {verdict.confidence:.2f}", soft_wrap=True)
    if verdict.review_reason:
        console.print(f"to review: {verdict.review_reason}", soft_wrap=True)
    if explanation.subject.around.captions:
        console.print(f"caption: {explanation.subject.around.captions}", soft_wrap=True)
    console.print(_table("\nvoters", ("voter", "P(medical)", "pull", "reason"), _voters(explanation)))
    console.print("pull: by how much the voter moves the verdict's log-odds; above 0 towards medical")
    console.print(_table("\nprompts that fit best", ("prompt", "kind", "cosine"), _prompts(explanation)))
    if explanation.clusters:
        columns = ("space", "cluster", "pictures", "P(medical)", "purity")
        console.print(_table("\nclusters it falls into", columns, _clusters(explanation)))
    if explanation.alike:
        alike = _table("\nstored pictures like it", ("sha256", "cosine", "label"), _alike(explanation))
        Console(highlight=False, markup=False, width=ROW_WIDTH).print(alike)
    elif explanation.subject.sha256:
        console.print(f"\n{explanation.alike_off or 'No other stored picture to compare with.'}", soft_wrap=True)
    console.print(f"\nheat map: {png} (red speaks for medical, blue against)", soft_wrap=True)


def _table(title: str, columns: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "sha256")
    for row in rows:
        table.add_row(*row)
    return table


def _voters(explanation: Explanation) -> Iterator[tuple[str, ...]]:
    for vote in explanation.votes:
        probability = NOTHING if vote.probability is None else f"{vote.probability:.2f}"
        pull = NOTHING if vote.probability is None else f"{explanation.pulls[vote.voter]:+.2f}"
        yield vote.voter, probability, pull, vote.reason


def _prompts(explanation: Explanation) -> Iterator[tuple[str, ...]]:
    for fit in explanation.prompts:
        yield fit.text, fit.kind, f"{fit.cosine:.2f}"


def _clusters(explanation: Explanation) -> Iterator[tuple[str, ...]]:
    for fit in explanation.clusters:
        yield fit.encoder, str(fit.number), str(fit.size), f"{fit.probability:.2f}", f"{fit.purity:.2f}"


def _alike(explanation: Explanation) -> Iterator[tuple[str, ...]]:
    for picture in explanation.alike:
        label = f"{picture.label} ({picture.decided_by})" if picture.label else NOTHING
        yield picture.sha256, f"{picture.cosine:.2f}", label
