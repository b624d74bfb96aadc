"""Labels of people as CSV files."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from medsift.contracts import Label
from medsift.errors import UsageError
from medsift.kinds import as_kind
from medsift.sources.folder import FolderSource, read_head
from medsift.steps.expand import kind_of
from medsift.steps.report import csv_bytes
from medsift.store import LabelRow
from medsift.store.records import PersonLabel
from medsift.volume import sha256_of_file

COLUMNS = ["sha256", "label", "kind", "labelled_by", "labelled_at"]
SHA256_DIGITS = 64


@dataclass(frozen=True)
class NamedLabel:
    """A label with its row, counted from 1 without the header, and the picture's name as it stands there."""

    number: int
    name: str
    label: LabelRow


def read_labels(path: Path, labelled_by: str) -> list[NamedLabel]:
    """Rows of a CSV with `sha256` or `path`, and `label`; raises `UsageError` naming the row that is wrong, or two that
    call one picture both without saying which came later.

    A path (relative to the CSV) means the picture whose file has the same bytes, as found or as medsift stored it.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = set(reader.fieldnames or [])
            if "label" not in columns or not columns & {"sha256", "path"}:
                raise UsageError(f"{path} needs the columns label and sha256 (or path), with commas between.")
            rows = [_row(path, number, row, labelled_by) for number, row in enumerate(reader, start=1)]
    except OSError as error:
        raise UsageError(f"{path} cannot be read as CSV: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as CSV: {error}.") from error
    _require_one_label(path, rows)
    return rows


def _require_one_label(path: Path, rows: Iterable[NamedLabel]) -> None:
    first: dict[str, NamedLabel] = {}
    for row in rows:
        if row.label.label not in get_args(Label):
            continue
        other = first.setdefault(row.label.sha256, row)
        are_timed = row.label.labelled_at is not None and other.label.labelled_at is not None
        if other.label.label != row.label.label and not are_timed:
            raise UsageError(
                f"{path}, row {row.number}: {row.name} is labelled {row.label.label}, and {other.label.label} in row "
                f"{other.number} ({other.name}).",
                "Leave one of the two rows, or say with labelled_at which came later.",
            )


def labels_csv(labels: Iterable[LabelRow]) -> bytes:
    """Labels as a CSV that `read_labels` reads."""
    rows = [{name: getattr(label, name) for name in COLUMNS} for label in labels]
    return csv_bytes(COLUMNS, rows)


def _row(path: Path, number: int, row: dict[str, str | None], labelled_by: str) -> NamedLabel:
    label = (row.get("label") or "").strip()
    by = (row.get("labelled_by") or "").strip() or labelled_by.strip()
    if not by:
        raise UsageError(f"{path}, row {number}: it does not say who labelled.", "Give --by NAME.")
    for known in get_args(PersonLabel):
        if label == known:
            kind = kind_told(f"{path}, row {number}", row.get("kind") or "") or None
            name, sha256 = _picture(path, number, row)
            return NamedLabel(number, name, LabelRow(sha256, known, by, kind, _time(path, number, row)))
    raise UsageError(f"{path}, row {number}: label {label!r}; allowed is {', '.join(get_args(PersonLabel))}.")


def kind_told(where: str, told: str) -> str:
    """The kind that a file tells, empty where it tells none; raises `UsageError` that says `where` one is no kind."""
    try:
        return as_kind(told) if told.strip() else ""
    except ValueError as error:
        raise UsageError(f"{where}: kind {told.strip()!r}; {error}.") from None


def _time(path: Path, number: int, row: dict[str, str | None]) -> datetime | None:
    """When the label was given; without it, it counts from now. A time without zone is taken as UTC.

    The newest label counts and none is ever removed, so that no other could overrule one from the future.
    """
    told = (row.get("labelled_at") or "").strip()
    if not told:
        return None
    try:
        time = datetime.fromisoformat(told)
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{path}, row {number}: labelled_at {told!r} is no time such as 2026-01-31T12:00Z.") from None
    if time > datetime.now(UTC):
        raise UsageError(f"{path}, row {number}: labelled_at {told!r} lies in the future.")
    return time


def _picture(path: Path, number: int, row: dict[str, str | None]) -> tuple[str, str]:
    """How a row names its picture, and the digest that this means."""
    sha256 = (row.get("sha256") or "").strip().lower()
    if not sha256 and row.get("path"):
        return str(row["path"]), _digest(path, number, path.parent / str(row["path"]))
    if len(sha256) != SHA256_DIGITS or not set(sha256) <= set("0123456789abcdef"):
        raise UsageError(f"{path}, row {number}: {sha256!r} is not a SHA-256 in hex.")
    return sha256, sha256


def _digest(path: Path, number: int, picture: Path) -> str:
    try:
        digest = sha256_of_file(picture)
    except OSError as error:
        raise UsageError(f"{path}, row {number}: {picture} cannot be read ({error.strerror}).") from error
    kind = kind_of(str(picture), read_head(picture))
    if kind not in ("", FolderSource.name):
        raise UsageError(
            f"{path}, row {number}: {picture} is no picture file ({kind}).",
            "Name its pictures by the sha256 that `medsift classify` and `medsift export` tell.",
        )
    return digest
