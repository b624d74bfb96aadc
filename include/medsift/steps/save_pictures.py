"""`extract`: the pictures of a run as plainly named files with a manifest."""

import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from medsift.contracts import Occurrence, Picture
from medsift.errors import UsageError
from medsift.steps.context import Context
from medsift.steps.report import csv_bytes
from medsift.steps.result import RunResult
from medsift.volume import atomic_path, write_atomically

COLUMNS = [
    "file", "source", "kind", "page", "box", "url", "path", "frame", "caption", "sha256", "width", "height",
    "state", "reason", "near_duplicate_of",
]  # fmt: skip


def save_pictures(context: Context, result: RunResult, out: Path) -> int:
    """Write `<source stem>_p<page>_<n>.<ext>` for each picture and `manifest.csv`, one row a place; how many files.

    An exact duplicate is a row that names its twin's file; a source that was not read whole is one of its own. Raises
    `UsageError` where `out` cannot be written.
    """
    pictures = {picture.sha256: picture for picture in result.pictures}
    files: dict[str, str] = {}
    numbers: Counter[str] = Counter()
    rows = []
    try:
        for occurrence in result.occurrences:
            picture = pictures.get(occurrence.sha256 or "")
            if picture and picture.sha256 not in files:
                files[picture.sha256] = _copy(context, occurrence, picture, numbers, out)
            rows.append(_row(occurrence, picture, files))
        rows += _unread(result)
        write_atomically(out / "manifest.csv", csv_bytes(COLUMNS, rows))
    except OSError as error:
        raise UsageError(f"Cannot write into {out}: {error.strerror}.") from error
    return len(files)


def _unread(result: RunResult) -> list[dict[str, Any]]:
    """A row for each source that failed or was read in part, unless the row of a picture says the same."""
    told = {(occurrence.source, occurrence.reason) for occurrence in result.occurrences}
    return [
        {"source": outcome.source, "kind": outcome.kind, "state": outcome.state, "reason": outcome.reason}
        for outcome in result.sources
        if outcome.state in ("failed", "partial") and (outcome.source, outcome.reason) not in told
    ]


def _copy(context: Context, occurrence: Occurrence, picture: Picture, numbers: Counter[str], out: Path) -> str:
    stem = _stem(occurrence)
    numbers[stem] += 1
    name = f"{stem}_{numbers[stem]}.{picture.extension}"
    with atomic_path(out / name) as temporary:
        shutil.copyfile(context.volume.picture(picture.sha256, picture.extension), temporary)
    return name


def _stem(occurrence: Occurrence) -> str:
    place = urlsplit(occurrence.source).path if "://" in occurrence.source else occurrence.source
    if occurrence.page is not None and occurrence.path:
        place = occurrence.path  # of a document within the source
    stem = re.sub(r"[^\w.-]+", "_", Path(place).stem)[:80].strip("._") or "source"
    return f"{stem}_p{occurrence.page}" if occurrence.page is not None else stem


def _row(occurrence: Occurrence, picture: Picture | None, files: dict[str, str]) -> dict[str, Any]:
    box = " ".join(f"{side:.1f}" for side in occurrence.box) if occurrence.box else ""
    row = {
        "source": occurrence.source, "kind": occurrence.kind, "page": occurrence.page, "box": box,
        "url": occurrence.url, "path": occurrence.path, "frame": occurrence.frame, "caption": occurrence.caption,
        "state": occurrence.state, "reason": occurrence.reason,
    }  # fmt: skip
    if picture:
        row |= {
            "file": files[picture.sha256], "sha256": picture.sha256, "width": picture.width,
            "height": picture.height, "near_duplicate_of": picture.near_duplicate_of,
        }  # fmt: skip
    return row
