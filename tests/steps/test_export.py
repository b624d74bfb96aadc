"""Export into folders: a second export leaves nothing of the first."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medsift.errors import UsageError
from medsift.steps.export import export_folders
from medsift.store import ExportRow
from medsift.volume import Volume

NOW = datetime(2026, 1, 31, tzinfo=UTC)
ROW = ExportRow(
    sha256="ab" * 32, label="medical", decided_by="model", labelled_by=None, probability=0.9, confidence=0.9, kind="ct",
    needs_review=False, first_seen=NOW, last_seen=NOW, width=5, height=5, extension="png", near_duplicate_of=None,
    source="/in/a.pdf", source_kind="pdf", page=1, url=None, path=None, caption=None,
)  # fmt: skip


def test_picture_labelled_anew_stands_under_its_new_label_alone(tmp_path: Path) -> None:
    volume = Volume(tmp_path / "var")
    volume.put(volume.picture(ROW.sha256, "png"), b"picture")
    out = tmp_path / "out"
    assert export_folders(volume, [ROW], out) == (1, 0)
    export_folders(volume, [replace(ROW, label="non-medical")], out)
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.png")) == [f"non-medical/{ROW.sha256}.png"]


def test_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        export_folders(Volume(tmp_path / "var"), [ROW], tmp_path)
    assert (tmp_path / "thesis.doc").exists()
