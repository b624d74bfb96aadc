"""Build the sample from real pictures that installed packages carry: `python tools/make_sample.py OUT`.

OUT/papers/*.pdf, OUT/web/index.html (to be served on loopback while a run lasts), OUT/folder/ and OUT/expected.csv,
which says what each picture is. The same packages give the same bytes.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

from sample.folder import write_folder
from sample.papers import write_papers
from sample.web import write_web

from medsift.evaluation.expected import COLUMNS, Expected


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the sample: two PDFs, a web page, a folder, expected.csv.")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write to, made if it is not there")
    out: Path = parser.parse_args().out
    expected = [*write_papers(out / "papers"), *write_web(out / "web"), *write_folder(out / "folder")]
    write_expected(out / "expected.csv", expected)
    labels = [row.label for row in expected]
    print(
        f"{out}: {labels.count('medical')} medical and {labels.count('non-medical')} other pictures,"
        f" {labels.count('')} that must not be kept"
    )


def write_expected(path: Path, rows: Sequence[Expected]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            fields = row.__dict__ | {"box": " ".join(map(str, row.box or ()))}
            writer.writerow(["" if fields[column] is None else fields[column] for column in COLUMNS])


if __name__ == "__main__":
    main()
