"""Reads every PDF of a folder and sets the pictures found beside poppler's: how many, and on papers where and how.

    python tools/compare_pdf_pictures.py ../shared/pdfs --out comparison.csv

Needs poppler's pdfimages and pdftoppm. `pdfimages -list` names picture objects (with masks, which are left out here),
each strip and tile, and what lies off the page. On files of kind `paper` in the folder's sources.csv each picture of
at least 64 px that PyMuPDF says is drawn must lie within a picture found, whose pixels there look as poppler renders
that part of the page.
"""

import argparse
import csv
import io
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pymupdf
from PIL import Image

from medsift.contracts import Candidate, Leaf, Missed
from medsift.errors import SourceError
from medsift.sandbox import Limits, Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools

LEAST_SIDE = 64
DPI = 144
POPPLER_TIMEOUT_S = 120
MOST_DIFFERENCE = 12.0  # of 255, mean over 16 x 16: two renderers differ so much in smoothing and in inks
MOST_OUTSIDE = 0.03  # share of a drawn picture that may lie outside of the picture found
EDGE = 1.0  # point that a clip may take at each side: PyMuPDF tells boxes without their clips
Box = tuple[float, float, float, float]


@dataclass
class Row:
    """One file. `drawn`, `at_place` and `alike` are of papers alone; 0 elsewhere."""

    file: str
    kind: str
    poppler: int
    found: int
    small: int
    refused: int
    parts: int
    drawn: int
    at_place: int
    alike: int
    seconds: float
    end: str


def compared(path: Path, kind: str, sandbox: Sandbox) -> Row:
    """Read one file and set it beside poppler's list."""
    began, found, refused, parts, end = time.monotonic(), list[Candidate](), 0, 0, ""
    leaf = Leaf(str(path), "pdf", "b", path=str(path))
    try:
        for item in KINDS.get("pdf")().extract(leaf, Tools(Settings(), sandbox, None)):
            if isinstance(item, Candidate):
                found.append(item)
            elif isinstance(item, Missed):
                refused, parts = refused + (not item.is_part), parts + item.is_part
    except SourceError as error:
        end = str(error)
    seconds = time.monotonic() - began
    large = [one for one in found if min(_size(one)) >= LEAST_SIDE]
    drawn = at_place = alike = 0
    if kind == "paper":
        drawn, at_place, alike = _on_paper(path, large)
    return Row(path.name, kind, listed_by_poppler(path), len(large), len(found) - len(large), refused, parts, drawn,
               at_place, alike, round(seconds, 1), end)  # fmt: skip


def listed_by_poppler(path: Path) -> int:
    """Pictures and stencils of at least 64 px that `pdfimages -list` names; -1 where it gives up."""
    try:
        told = subprocess.run(
            ["pdfimages", "-list", str(path)], capture_output=True, text=True, errors="replace", check=False,
            timeout=POPPLER_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return -1
    rows = [line.split() for line in told.stdout.splitlines()[2:]]
    return sum(row[2] in ("image", "stencil") and min(int(row[3]), int(row[4])) >= LEAST_SIDE for row in rows)


def _on_paper(path: Path, found: list[Candidate]) -> tuple[int, int, int]:
    by_page: dict[int, list[Candidate]] = defaultdict(list)
    for one in found:
        by_page[one.place.page or 0].append(one)
    drawn = at_place = alike = 0
    for number, box in _drawn(path):
        drawn += 1
        holder = next((one for one in by_page[number] if _outside(box, one.place.box) <= MOST_OUTSIDE), None)
        if holder:
            at_place += 1
            alike += _look_alike(path, number, box, holder)
    return drawn, at_place, alike


def _drawn(path: Path) -> Iterator[tuple[int, Box]]:
    """Page and visible box of each picture of at least 64 px that is drawn, without gradients."""
    document = pymupdf.open(path)
    for page in document:
        gradients = {tuple(round(x) for x in box) for kind, box in page.get_bboxlog() if kind == "fill-shade"}
        for told in page.get_image_info():
            box = pymupdf.Rect(told["bbox"]) & page.rect
            is_gradient = tuple(round(x) for x in told["bbox"]) in gradients
            if min(told["width"], told["height"]) >= LEAST_SIDE and not box.is_empty and not is_gradient:
                yield page.number + 1, tuple(box)


def _outside(box: Box, of: tuple[float, ...] | None) -> float:
    if of is None:
        return 1.0
    width = max(0.0, min(box[2], of[2] + EDGE) - max(box[0], of[0] - EDGE))
    height = max(0.0, min(box[3], of[3] + EDGE) - max(box[1], of[1] - EDGE))
    return 1 - width * height / ((box[2] - box[0]) * (box[3] - box[1]))


def _look_alike(path: Path, number: int, box: Box, found: Candidate) -> bool:
    whole = found.place.box
    assert whole is not None
    picture = Image.open(io.BytesIO(found.data)).convert("RGB")
    across, down = picture.width / (whole[2] - whole[0]), picture.height / (whole[3] - whole[1])
    part = picture.crop((
        max(0, round((box[0] - whole[0]) * across)), max(0, round((box[1] - whole[1]) * down)),
        min(picture.width, round((box[2] - whole[0]) * across)), min(picture.height, round((box[3] - whole[1]) * down)),
    ))  # fmt: skip
    page = _rendered(path, number)
    scale = DPI / 72
    shown = page.crop(tuple(round(value * scale) for value in box))
    return float(np.abs(_small(part) - _small(shown)).mean()) <= MOST_DIFFERENCE


def _rendered(path: Path, number: int) -> Image.Image:
    """The page as poppler shows it, the crop box alone."""
    told = subprocess.run(
        ["pdftoppm", "-r", str(DPI), "-f", str(number), "-l", str(number), "-cropbox", str(path)],
        capture_output=True, check=True, timeout=POPPLER_TIMEOUT_S,
    )  # fmt: skip
    return Image.open(io.BytesIO(told.stdout)).convert("RGB")


def _small(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.resize((16, 16), Image.Resampling.BOX), np.int16)


def _size(candidate: Candidate) -> tuple[int, int]:
    return Image.open(io.BytesIO(candidate.data)).size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="CSV to write")
    options = parser.parse_args()
    with (options.folder / "sources.csv").open(newline="", encoding="utf-8") as rows:
        kinds = {row["file"]: row["kind"] for row in csv.DictReader(rows)}
    settings, found = Settings(), list[Row]()
    with Sandbox(Limits.of(settings)) as sandbox:
        for name in sorted(kinds):
            row = compared(options.folder / name, kinds[name], sandbox)
            found.append(row)
            counts = f"poppler {row.poppler:5} found {row.found:5} small {row.small:4} refused {row.refused:4}"
            print(f"{row.file[:40]:40} {row.kind:10} {counts} parts {row.parts:3} {row.seconds:6.1f} s  {row.end}")
    if options.out:
        with options.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Row)])
            writer.writeheader()
            writer.writerows(map(asdict, found))
    papers = [row for row in found if row.kind == "paper"]
    drawn, at_place, alike = (sum(getattr(row, name) for row in papers) for name in ("drawn", "at_place", "alike"))
    print(f"{len(found)} files, {sum(row.found for row in found)} pictures; on {len(papers)} papers {drawn} are drawn, "
          f"{at_place} found at their place, {alike} of them as poppler shows them")  # fmt: skip
    if alike < 0.95 * drawn:
        sys.exit("less than 95 % of the papers' pictures are found")


if __name__ == "__main__":
    main()
