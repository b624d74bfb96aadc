"""Write README's comparison table from docs/comparison.json, which tools/train_alignment.py leaves.

python tools/write_comparison.py [--check]
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
README, COMPARISON = ROOT / "README.md", ROOT / "docs" / "comparison.json"
BEGIN, END = "<!-- comparison: made by tools/write_comparison.py -->", "<!-- end of comparison -->"
HEADS = ("profile", "", "encoders", "balanced accuracy (95 % interval)", "AUC", "ECE", "pictures a second", "MB")
UNFILLED = "not measured yet: `python tools/train_alignment.py --corpus CORPUS` measures it."


def table(document: dict[str, Any] | None) -> str:
    """The table in Markdown; a sentence where nothing was measured."""
    if document is None:
        return f"The comparison is {UNFILLED}"
    lines = [list(HEADS), ["---"] * len(HEADS), *(_cells(row) for row in document["rows"])]
    commands = dict.fromkeys(row["command"] for row in document["rows"] if row["command"])
    filled = [f"\nWhat is not measured is filled by `{command}`." for command in commands]
    return "\n".join(["| " + " | ".join(cells) + " |" for cells in lines] + filled)


def written(readme: str, made: str) -> str:
    """The README with the table between its markers."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main() -> None:
    document = json.loads(COMPARISON.read_text(encoding="utf-8")) if COMPARISON.exists() else None
    present = README.read_text(encoding="utf-8")
    made = written(present, table(document))
    if "--check" in sys.argv[1:]:
        sys.exit(0 if made == present else f"{README.name} has another table than {COMPARISON.name}.")
    README.write_text(made, encoding="utf-8")


def _cells(row: dict[str, Any]) -> list[str]:
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


if __name__ == "__main__":
    main()
