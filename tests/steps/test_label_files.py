"""Labels as CSV: what goes out comes in again as it was."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from medsift.errors import UsageError
from medsift.steps.label_files import labels_csv, read_labels
from medsift.store import LabelRow

SHA = "ab" * 32


def test_exported_labels_are_read_with_the_time_they_were_given(tmp_path: Path) -> None:
    labels = [LabelRow(SHA, "medical", "anna", "ct", datetime(2026, 1, 31, 12, tzinfo=UTC))]
    (tmp_path / "labels.csv").write_bytes(labels_csv(labels))
    assert read_labels(tmp_path / "labels.csv", "somebody else") == labels


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (f"{SHA},maybe,anna,", "row 1: label 'maybe'"),
        ("xyz,medical,anna,", "row 1: 'xyz' is not a SHA-256"),
        (f"{SHA},medical,,", "row 1: it does not say who labelled"),
        (f"{SHA},medical,anna,yesterday", "row 1: labelled_at 'yesterday' is no time"),
    ],
)
def test_wrong_row_is_named(row: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(f"sha256,label,labelled_by,labelled_at\n{row}\n")
    with pytest.raises(UsageError, match=sentence):
        read_labels(tmp_path / "labels.csv", "")


def test_picture_that_is_not_there_is_named_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,label\ngone.jpg,medical\n")
    with pytest.raises(UsageError, match=r"row 1: .*gone\.jpg cannot be read"):
        read_labels(tmp_path / "labels.csv", "anna")
