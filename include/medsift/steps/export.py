"""`export`: labelled pictures out of the store, as CSV or as folders by label with a manifest."""

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


def export_folders(volume: Volume, rows: Iterable[ExportRow], out: Path) -> tuple[int, int]:
    """`<out>/<label>/<sha256>.<ext>` and `<out>/manifest.csv`; numbers of files written and of files missing.

    Raises `UsageError` where `out` cannot be written.
    """
    written = missing = 0
    listed = []
    try:
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
