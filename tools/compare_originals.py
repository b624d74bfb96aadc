"""How many verdicts change between pictures at full size and the small, re-compressed versions that were trained on?

    python tools/compare_originals.py --corpus CORPUS --originals ORIGINALS [--out DIR]

Both folders have manifest.csv; pictures belong together by `original_sha256` and `original_path`. No measure of
accuracy: the shipped set was trained on the small ones. It shows whether size and compression alone change a verdict.
"""

import argparse
import subprocess
import sys
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
        rows = pairs.rename(columns={f"file_{size}": "file"})[["file", "label", "kind", "source"]]
        verdicts[size] = judged(rows, folder, options.out / size).set_index("file")
    large, small = (verdicts[size].loc[pairs[f"file_{size}"]].reset_index() for size in ("large", "small"))
    both = large["verdict"].notna() & small["verdict"].notna()
    changed = both & (large["verdict"] != small["verdict"])
    print(f"{len(pairs)} pairs, {both.sum()} judged at both sizes, verdict changed: {changed.sum()}")
    print(f"kind changed: {(both & (large['predicted_kind'] != small['predicted_kind'])).sum()}")
    print(f"mean change of P(medical): {(large['probability'] - small['probability']).abs()[both].mean():.3f}")
    for name, rows in (("large", large), ("small", small)):
        print(f"right at {name} size: {(rows['verdict'] == rows['label'])[both].mean():.3f}")
    print(large[changed][["file", "label", "kind", "source", "verdict", "probability"]].to_string(index=False))


def judged(rows: pd.DataFrame, root: Path, out: Path) -> pd.DataFrame:
    """predictions.csv of `medsift evaluate` on these rows."""
    out.mkdir(parents=True, exist_ok=True)
    rows.to_csv(out / "manifest.csv", index=False)
    command = ["evaluate", "--manifest", str(out / "manifest.csv"), "--root", str(root), "--out", str(out)]
    subprocess.run([str(Path(sys.executable).parent / "medsift"), *command, "--profile", "lite"], check=True)
    return pd.read_csv(out / "predictions.csv")


if __name__ == "__main__":
    main()
