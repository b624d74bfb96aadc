"""Write the tables of README and docs/evaluation.md from what was measured (docs/*.json).

python tools/write_tables.py [--check]
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MEASURE_COMPARISON = "python tools/train_alignment.py --corpus CORPUS"
MEASURE_SOURCES = "python tools/leave_one_source_out.py --corpus CORPUS"
MEASURE_PACKAGES = "python tools/judge_packages.py --corpus CORPUS"
NEVER = ""  # a share of nothing, as of a voter that never votes on a kind
Document = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table between two markers of a document: `make` turns what `command` measured into Markdown."""

    document: Path
    name: str
    measured: Path
    command: str
    make: Callable[[Document], str]

    def written(self, text: str) -> str:
        """The text with the table as it was measured, or a sentence where nothing was."""
        begin, end = f"<!-- {self.name}: made by tools/write_tables.py -->", f"<!-- end of {self.name} -->"
        before, rest = text.split(begin)
        _, after = rest.split(end)
        return f"{before}{begin}\n{self._made()}\n{end}{after}"

    def _made(self) -> str:
        if not self.measured.exists():
            return f"Not measured yet: `{self.command}` measures it."
        return self.make(json.loads(self.measured.read_text(encoding="utf-8")))


def comparison(document: Document) -> str:
    """Plain pipelines beside medsift's, a row each."""
    heads = ("profile", "", "encoders", "balanced accuracy (95 % interval)", "AUC", "ECE", "pictures a second", "MB")
    commands = dict.fromkeys(row["command"] for row in document["rows"] if row["command"])
    filled = [f"\nWhat is not measured is filled by `{command}`." for command in commands]
    return "\n".join([_table(heads, [_compared(row) for row in document["rows"]]), *filled])


def sources_left_out(document: Document) -> str:
    """Headline in company and by itself, then each kind with its n and what every voter gets right of it."""
    voters = [name for name in document["voters"] if any(row[name] for row in document["by_kind_and_voter"].values())]
    headline = [
        [title, f"{document[name]:.3f}", _interval(document["intervals"].get(name)), f"{document['alone'][name]:.3f}"]
        for name, title in (
            ("balanced_accuracy", "balanced accuracy"),
            ("balanced_accuracy_of_three", "the same over kinds of three sources or more"),
            ("balanced_accuracy_of_fewer", "the same over the other kinds, left out with their source"),
            ("auc", "AUC"), ("ece", "calibration error (ECE)"),
            ("accuracy_at_85", "right among the 85 % most confident"), ("kind_macro_f1", "kind, macro-F1"),
            ("kind_macro_f1_of_three", "kind, macro-F1 over kinds of three sources or more"),
            ("kind_macro_f1_of_three_medical", "the same, medical kinds (modalities)"),
            ("kind_macro_f1_of_three_others", "the same, types of other pictures"),
            ("review_rate", "sent to review"),
        )
        if document.get(name) is not None  # no kind of that side may be carried by three sources
    ]  # fmt: skip
    kinds = [
        [kind, str(row["sources"]), str(row["n"]), f"{row['accuracy']:.3f}", f"{row['kind_f1']:.2f}"]
        + [_share(document["by_kind_and_voter"][kind][voter]) for voter in voters]
        for kind, row in document["by_kind"].items()
    ]
    return "\n\n".join(
        (
            _table(("figure", "in company", "95 %, by source", "by itself"), headline),
            _table(("kind", "sources", "n", "right", "kind F1", *(f"`{voter}`" for voter in voters)), kinds),
        )
    )


def of_packages(document: Document) -> str:
    """Pictures of packages by kind, by sets trained on no package and on the other packages."""
    heads = ["pictures", "n"]
    heads += [f"{figure}, {trained_on}" for figure in ("right", "kind named") for trained_on in ("none", "others")]
    heads += ["right when sure, others", "to review, others"]
    chosen = {"any": "", "alike": ", taken for others"}
    rows = [_of_package(kind + chosen[why], **row) for why, kinds in document.items() for kind, row in kinds.items()]
    return _table(heads, rows)


TABLES = (
    Table(ROOT / "README.md", "comparison", ROOT / "docs" / "comparison.json", MEASURE_COMPARISON, comparison),
    Table(
        ROOT / "docs" / "evaluation.md", "sources left out", ROOT / "docs" / "leave_one_source_out.json",
        MEASURE_SOURCES, sources_left_out,
    ),
    Table(ROOT / "docs" / "evaluation.md", "packages", ROOT / "docs" / "packages.json", MEASURE_PACKAGES, of_packages),
)  # fmt: skip


def main() -> None:
    stale = []
    for table in TABLES:
        present = table.document.read_text(encoding="utf-8")
        made = table.written(present)
        if made != present:
            stale.append(table.document.name)
            if "--check" not in sys.argv[1:]:
                table.document.write_text(made, encoding="utf-8")
    if "--check" in sys.argv[1:] and stale:
        sys.exit(f"Not as measured: the tables of {', '.join(stale)}. `python tools/write_tables.py` writes them.")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, ["---"] * len(heads), *rows))


def _compared(row: dict[str, Any]) -> list[str]:
    named = [f"`{row['profile']}`", row["name"], row["encoders"]]
    if row["state"] != "measured":
        return [*named, f"{row['state']}: {row['reason']}", "", "", "", ""]
    low, high = row["interval"]
    return [
        *named,
        f"{row['balanced_accuracy']:.3f} ({low:.3f} to {high:.3f})",
        f"{row['auc']:.3f}",
        f"{row['ece']:.3f}",
        f"{row['pictures_per_second']:.0f}",
        f"{row['peak_mb']:,.0f}",
    ]


def _of_package(kind: str, none: dict[str, Any], others: dict[str, Any]) -> list[str]:
    shares = [row[figure] for figure in ("right", "kind_named") for row in (none, others)]
    shares += [others["right_when_sure"], others["to_review"]]
    return [kind, str(none["n"]), *(_share(share, digits=3) for share in shares)]


def _interval(interval: Sequence[float] | None) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""


def _share(share: float | None, digits: int = 2) -> str:
    return NEVER if share is None else f"{share:.{digits}f}"


if __name__ == "__main__":
    main()
