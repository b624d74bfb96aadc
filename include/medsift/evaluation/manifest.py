"""The manifest of pictures whose label a person knows: `file,label[,kind,source]`, or one that `export` wrote."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from medsift.contracts import Label
from medsift.errors import UsageError

REQUIRED = ("file", "label")
DELIMITERS = ",;\t"
MOST_SHOWN = 200  # letters of a header
DECIDED_BY = "decided_by"
PERSON = "person"


@dataclass(frozen=True)
class ManifestRow:
    """One picture: its file relative to the root, what it is, and where known its kind and source."""

    file: str
    label: Label
    kind: str = ""
    source: str = ""


NamedRow = tuple[str, ManifestRow]  # with the identity of its picture


@dataclass(frozen=True)
class Manifest:
    """Rows in the order of the file, and how many are not among them because no person decided their label."""

    rows: Sequence[ManifestRow]
    left_out: int = 0

    @property
    def notes(self) -> list[str]:
        """A sentence on what was left out; none where nothing was."""
        if not self.left_out:
            return []
        return [f"{self.left_out} rows of the manifest are left out: no person decided their label (decided_by)."]


def read_manifest(path: Path) -> Manifest:
    """A manifest; where it has a column `decided_by`, rows of a person alone, or a model would be its own judge.

    Raises `UsageError` where the file cannot be read, a column is missing, a label is unknown or no row is left; rows
    are counted from 1, without the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(file.readline())
            file.seek(0)
            reader = csv.DictReader(file, delimiter=delimiter, skipinitialspace=True)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
            _require_columns(path, reader.fieldnames, delimiter)
            numbered = list(enumerate(reader, start=1))
    except OSError as error:
        raise UsageError(f"The manifest {path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"The manifest {path} is not a CSV file in UTF-8 ({error}).") from error
    if not numbered:
        raise UsageError(f"The manifest {path} names no picture.")
    rows = [_row(path, number, fields) for number, fields in numbered if _is_persons(fields)]
    if not rows:
        raise UsageError(f"The manifest {path} has no label that a person decided (column decided_by).")
    return Manifest(rows, len(numbered) - len(rows))


def _is_persons(fields: Mapping[str, str | None]) -> bool:
    return (fields.get(DECIDED_BY, PERSON) or "").strip() == PERSON


def contradictions(named: Iterable[NamedRow]) -> Iterator[str]:
    """A sentence on each row that calls a picture otherwise than the first row of it did."""
    first: dict[str, ManifestRow] = {}
    for sha256, row in named:
        other = first.setdefault(sha256, row)
        if other.label != row.label:
            yield f"{other.file} is labelled {other.label} and {row.file} (the same picture) {row.label}."


def called_both(named: Iterable[NamedRow]) -> list[str]:
    """A sentence on rows that call one picture both; none where no two do."""
    found = list(contradictions(named))
    several = f" So are {len(found) - 1} more rows." if len(found) > 1 else ""
    return [f"{found[0]} One of the two counts as wrong.{several}"] if found else []


def without_picture(reasons: Mapping[int, str], rows: Sequence[ManifestRow]) -> list[str]:
    """A sentence on rows, by their number from 0, whose files gave no picture, and why; none where all did."""
    if not reasons:
        return []
    first, reason = next(iter(reasons.items()))
    at_first = f"{rows[first].file}: {reason}"
    return [f"{len(reasons)} of {len(rows)} files gave no picture, at first {at_first} They count as wrong."]


def _delimiter(header: str) -> str:
    """What stands between the columns: of comma, semicolon and tab the one that gives the columns needed."""
    for delimiter in DELIMITERS:
        names = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])
        if {name.strip() for name in names} >= set(REQUIRED):
            return delimiter
    return DELIMITERS[0]


def _require_columns(path: Path, columns: Sequence[str], delimiter: str) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise UsageError(
            f"The manifest {path} has no column {' and no column '.join(missing)}; its header is "
            f"{delimiter.join(columns)[:MOST_SHOWN]!r}.",
            "Needed is file,label and, if known, kind and source, with commas, semicolons or tabs between.",
        )


def _row(path: Path, number: int, fields: Mapping[str, str | None]) -> ManifestRow:
    file, label = (fields.get("file") or "").strip(), (fields.get("label") or "").strip()
    if not file:
        raise UsageError(f"The manifest {path} names no file in row {number}.")
    for known in get_args(Label):
        if label == known:
            kind, source = (fields.get("kind") or "").strip(), (fields.get("source") or "").strip()
            return ManifestRow(file, known, kind, source)
    raise UsageError(f"The manifest {path} has label {label!r} in row {number}; allowed is medical or non-medical.")
