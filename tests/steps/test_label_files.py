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
    assert [row.label for row in read_labels(tmp_path / "labels.csv", "somebody else")] == labels


def test_rows_know_their_number_and_how_they_name_their_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "labels.csv").write_text(f"sha256,path,label\n{SHA},,medical\n,a.png,medical\n")
    rows = read_labels(tmp_path / "labels.csv", "anna")
    assert [(row.number, row.name) for row in rows] == [(1, SHA), (2, "a.png")]
    assert rows[1].label.sha256 == "4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6"


def test_a_dicom_file_is_refused_since_its_bytes_are_no_picture(tmp_path: Path) -> None:
    (tmp_path / "slice.dcm").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "labels.csv").write_text("path,label\nslice.dcm,medical\n")
    with pytest.raises(UsageError, match=r"row 1: .*slice\.dcm is no picture file \(dicom\).* sha256"):
        read_labels(tmp_path / "labels.csv", "anna")


def test_file_that_is_not_there_is_named_without_a_number_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nofile\.csv cannot be read as CSV: No such file or directory\.$"):
        read_labels(tmp_path / "nofile.csv", "anna")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (f"{SHA},maybe,anna,", "row 1: label 'maybe'"),
        ("xyz,medical,anna,", "row 1: 'xyz' is not a SHA-256"),
        (f"{SHA},medical,,", "row 1: it does not say who labelled"),
        (f"{SHA},medical,anna,,ct/mri", "row 1: kind 'ct/mri'; a kind has letters, digits, spaces and dashes"),
        (f"{SHA},medical,anna,yesterday", "row 1: labelled_at 'yesterday' is no time"),
        (f"{SHA},medical,anna,0001-01-01T00:00+20:00", "row 1: labelled_at '0001-01-01T00:00.20:00' is no time"),
        (f"{SHA},medical,anna,2999-01-01", "row 1: labelled_at '2999-01-01' lies in the future"),
    ],
)
def test_wrong_row_is_named(row: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(f"sha256,label,labelled_by,labelled_at,kind\n{row}\n")
    with pytest.raises(UsageError, match=sentence):
        read_labels(tmp_path / "labels.csv", "")


def test_a_time_is_read_whatever_its_zone_and_blanks_name_nobody(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(f"sha256,label,labelled_at\n{SHA},medical,2026-01-31T12:00+20:00\n")
    (row,) = read_labels(tmp_path / "labels.csv", "anna")
    assert row.label.labelled_at == datetime(2026, 1, 30, 16, tzinfo=UTC)
    assert row.label.labelled_at.tzinfo is UTC  # Postgres knows no zone so far off
    with pytest.raises(UsageError, match="row 1: it does not say who labelled"):
        read_labels(tmp_path / "labels.csv", " ")


def test_a_picture_that_is_called_both_is_told_with_both_rows_unless_times_say_which_came_later(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(f"sha256,label\n{SHA},unsure\n{SHA},medical\n")
    assert len(read_labels(tmp_path / "labels.csv", "anna")) == 2
    (tmp_path / "labels.csv").write_text(f"sha256,label\n{SHA},unsure\n{SHA},medical\n{SHA.upper()},non-medical\n")
    with pytest.raises(UsageError, match=rf"row 3: {SHA} is labelled non-medical, and medical in row 2"):
        read_labels(tmp_path / "labels.csv", "anna")
    rows = [f"{SHA},medical,2026-01-31", f"{SHA},non-medical,2026-02-01"]
    (tmp_path / "labels.csv").write_text("\n".join(["sha256,label,labelled_at", *rows]))
    assert len(read_labels(tmp_path / "labels.csv", "anna")) == 2


def test_picture_that_is_not_there_is_named_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,label\ngone.jpg,medical\n")
    with pytest.raises(UsageError, match=r"row 1: .*gone\.jpg cannot be read"):
        read_labels(tmp_path / "labels.csv", "anna")
