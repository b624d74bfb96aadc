"""How many verdicts change between pictures at full size and the small, re-compressed versions that were trained on?

    python tools/compare_originals.py --corpus CORPUS --originals ORIGINALS [--out DIR]

Both folders have manifest.csv; pictures belong together by `original_sha256` and `original_path`. No measure of
accuracy: the shipped set was trained on the small ones. It shows whether size and compression alone change a verdict:
the pictures of a source lie in one folder at either size, as those of one folder have a say in one another's verdict.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

SAME = ["original_sha256", "original_path"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--originals", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("var/originals"))
    options = parser.parse_args()
    large, small = (
        pd.read_csv(folder / "manifest.csv", keep_default_na=False) for folder in (options.originals, options.corpus)
    )
    pairs = large.merge(small[[*SAME, "file"]], on=SAME, suffixes=("_large", "_small")).drop_duplicates("file_large")
    verdicts = {}
    for size, folder in (("large", options.originals), ("small", options.corpus)):
        files = [folder / name for name in pairs[f"file_{size}"]]
        placed = by_source(pairs, files, options.out / size / "pictures")
        verdicts[size] = judged(placed, options.out / size).set_index("file").loc[placed["file"]].reset_index()
    large, small = verdicts["large"], verdicts["small"]
    both = large["verdict"].notna() & small["verdict"].notna()
    changed = both & (large["verdict"] != small["verdict"])
    print(f"{len(pairs)} pairs, {both.sum()} judged at both sizes, verdict changed: {changed.sum()}")
    print(f"kind changed: {(both & (large['predicted_kind'] != small['predicted_kind'])).sum()}")
    print(f"mean change of P(medical): {(large['probability'] - small['probability']).abs()[both].mean():.3f}")
    for name, rows in (("large", large), ("small", small)):
        print(f"right at {name} size: {(rows['verdict'] == rows['label'])[both].mean():.3f}")
    print(large[changed][["file", "label", "kind", "source", "verdict", "probability"]].to_string(index=False))


def by_source(rows: pd.DataFrame, files: Sequence[Path], root: Path) -> pd.DataFrame:
    """Copy the files, a folder a source; rows of a manifest for them, in the same order."""
    shutil.rmtree(root, ignore_errors=True)
    names = [f"{source}/{file.name}" for source, file in zip(rows["source"], files, strict=True)]
    placed = rows[["label", "kind", "source"]].assign(file=names)
    for name, file in zip(placed["file"], files, strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / name)
    return placed


def judged(rows: pd.DataFrame, out: Path) -> pd.DataFrame:
    """predictions.csv of `medsift evaluate` on these rows, whose files are below `out`."""
    rows.to_csv(out / "manifest.csv", index=False)
    root = str(out / "pictures")
    command = ["evaluate", "--manifest", str(out / "manifest.csv"), "--root", root, "--out", str(out)]
    subprocess.run([str(Path(sys.executable).parent / "medsift"), *command, "--profile", "lite"], check=True)
    return pd.read_csv(out / "predictions.csv")


if __name__ == "__main__":
    main()
