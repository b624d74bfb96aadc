"""The manifest of pictures whose label is known: `file,label[,kind,source]`."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from medsift.contracts import Label
from medsift.errors import UsageError

REQUIRED = ("file", "label")


@dataclass(frozen=True)
class ManifestRow:
    """One picture: its file relative to the root, what it is, and where known its kind and source."""

    file: str
    label: Label
    kind: str = ""
    source: str = ""


def read_manifest(path: Path) -> list[ManifestRow]:
    """The rows of a manifest, in order.

    Raises `UsageError` where the file cannot be read, a column is missing, a label is unknown or nothing is in it;
    rows are counted from 1, without the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            _require_columns(path, reader.fieldnames or [])
            rows = [_row(path, number, fields) for number, fields in enumerate(reader, start=1)]
    except OSError as error:
        raise UsageError(f"The manifest {path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"The manifest {path} is not a CSV file in UTF-8 ({error}).") from error
    if not rows:
        raise UsageError(f"The manifest {path} names no picture.")
    return rows


def _require_columns(path: Path, columns: object) -> None:
    missing = [name for name in REQUIRED if name not in list(columns)]  # type: ignore[call-overload]
    if missing:
        raise UsageError(
            f"The manifest {path} has no column {' and no column '.join(missing)}.",
            "Its header is file,label and, if known, kind and source.",
        )


def _row(path: Path, number: int, fields: dict[str, str | None]) -> ManifestRow:
    file, label = (fields.get("file") or "").strip(), (fields.get("label") or "").strip()
    if not file:
        raise UsageError(f"The manifest {path} names no file in row {number}.")
    for known in get_args(Label):
        if label == known:
            kind, source = (fields.get("kind") or "").strip(), (fields.get("source") or "").strip()
            return ManifestRow(file, known, kind, source)
    raise UsageError(f"The manifest {path} has label {label!r} in row {number}; allowed is medical or non-medical.")
