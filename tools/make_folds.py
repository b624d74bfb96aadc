"""Assign every source of the training pictures to one of 8 folds: python tools/make_folds.py CORPUS tools/folds.csv

Whole sources, because pictures of one source are alike. Greedy: the largest source first, each to the fold in which
labels, kinds and sizes stay most even. The result is fixed in tools/folds.csv, for all figures that are compared.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

FOLDS = 8
WEIGHTS = {"label": 4.0, "kind": 1.0, "repo_owner": 0.25}


def assign_folds(manifest: pd.DataFrame) -> dict[str, int]:
    """Fold of each source; evenness is the sum of squares of each group's share in each fold."""
    rows = manifest.assign(repo_owner=manifest["repo"].str.split("/").str[0])
    groups = {
        (column, value): index
        for index, (column, value) in enumerate((c, v) for c in WEIGHTS for v in sorted(rows[c].unique()))
    }
    weight = np.array([WEIGHTS[column] for column, _ in groups])
    shares = {source: _shares(members, rows, groups) for source, members in rows.groupby("source")}
    loads = np.zeros((FOLDS, len(groups)))
    folds = {}
    for source in sorted(shares, key=lambda name: (-shares[name].sum(), name)):
        cost = (weight * (2 * loads * shares[source])).sum(axis=1)
        fold = int(np.lexsort((np.arange(FOLDS), loads.sum(axis=1), cost.round(12)))[0])
        loads[fold] += shares[source]
        folds[source] = fold
    return folds


def _shares(members: pd.DataFrame, rows: pd.DataFrame, groups: dict[tuple[str, str], int]) -> np.ndarray:
    share = np.zeros(len(groups))
    for column in WEIGHTS:
        for value, count in members[column].value_counts().items():
            share[groups[column, value]] = count / (rows[column] == value).sum()
    return share


def main() -> None:
    corpus, target = Path(sys.argv[1]), Path(sys.argv[2])
    manifest = pd.read_csv(corpus / "manifest.csv", keep_default_na=False)
    folds = assign_folds(manifest)
    table = pd.DataFrame(sorted(folds.items()), columns=["source", "fold"])
    table.to_csv(target, index=False, lineterminator="\n")
    by_fold = manifest.assign(fold=manifest["source"].map(folds)).groupby(["fold", "label"]).size().unstack()
    print(by_fold.to_string())


if __name__ == "__main__":
    main()
