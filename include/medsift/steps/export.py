"""`export`: labelled pictures out of the store, as CSV or as folders by label with a manifest."""

import csv
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

from medsift.errors import UsageError
from medsift.steps.report import csv_bytes
from medsift.store import ExportRow
from medsift.volume import Volume, atomic_path, write_atomically

COLUMNS = [field.name for field in fields(ExportRow)]


def export_csv(rows: Iterable[ExportRow]) -> bytes:
    """One row a picture: label, who decided, how sure, and the first place where it stands."""
    return csv_bytes(COLUMNS, [asdict(row) for row in rows])


def _clear_former(out: Path) -> None:
    """Remove what an earlier export wrote, or a picture labelled anew would stand under both labels.

    Raises `UsageError` for a folder with anything else in it.
    """
    manifest = out / "manifest.csv"
    if manifest.is_file():
        with manifest.open(newline="", encoding="utf-8") as file:
            former = [row.get("file", "") for row in csv.DictReader(file)]
        for name in former:
            if re.fullmatch(r"(medical|non-medical)/[0-9a-f]{64}\.\w+", name):
                (out / name).unlink(missing_ok=True)
    elif out.is_dir() and any(out.iterdir()):
        raise UsageError(f"The folder {out} is not empty and no earlier export.", "Name a new folder.")


def export_folders(volume: Volume, rows: Iterable[ExportRow], out: Path) -> tuple[int, int]:
    """`<out>/<label>/<sha256>.<ext>` and `<out>/manifest.csv`; numbers of files written and of files missing.

    Raises `UsageError` where `out` cannot be written.
    """
    written = missing = 0
    listed = []
    try:
        _clear_former(out)
        for row in rows:
            file = f"{row.label}/{row.sha256}.{row.extension}"
            stored = volume.picture(row.sha256, row.extension)
            if not stored.exists():
                missing += 1
                continue
            with atomic_path(out / file) as temporary:
                shutil.copyfile(stored, temporary)
            listed.append({"file": file, **asdict(row)})
            written += 1
        write_atomically(out / "manifest.csv", csv_bytes(["file", *COLUMNS], listed))
    except OSError as error:
        raise UsageError(f"Cannot write into {out}: {error.strerror}.") from error
    return written, missing
