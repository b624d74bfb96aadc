import pytest

from medsift.errors import UsageError
from medsift.evaluation.manifest import ManifestRow, read_manifest


def read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "m.csv"
    path.write_bytes(text.encode(encoding))
    return read_manifest(path).rows


def test_kind_and_source_are_optional_and_other_columns_are_passed_over(tmp_path):
    assert read(tmp_path, "file,label\na.png,medical\n") == [ManifestRow("a.png", "medical")]
    rows = read(tmp_path, "licence,source,kind,label,file\nx,s,ct,non-medical,b.png\n", "utf-8-sig")
    assert rows == [ManifestRow("b.png", "non-medical", "ct", "s")]


@pytest.mark.parametrize("between", [",", ", ", ";", " ; ", "\t"])
def test_columns_may_be_parted_by_semicolons_or_tabs_and_blanks_are_no_part_of_a_name(tmp_path, between):
    lines = [("label", "file", "source"), ("medical", "a b.png", "s"), ("non-medical", '"c,;.png"', "")]
    text = "".join(f"{between.join(fields)}\r\n" for fields in lines)
    expected = [ManifestRow("a b.png", "medical", source="s"), ManifestRow("c,;.png", "non-medical")]
    assert read(tmp_path, text, "utf-8-sig") == expected


def test_of_an_export_only_rows_count_that_a_person_decided(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text("file,label,decided_by\na.png,medical,person\nb.png,medical,model\nc.png,non-medical,\n")
    manifest = read_manifest(path)
    assert manifest.rows == [ManifestRow("a.png", "medical")]
    assert manifest.notes == ["2 rows of the manifest are left out: no person decided their label (decided_by)."]
    path.write_text("file,label\na.png,medical\n")
    assert read_manifest(path).notes == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,label\na.png,medical\nb.png,Medical\n", "'Medical' in row 2"),
        ("file,label\na.png\n", "'' in row 1"),
        ("file,label\n,medical\n", "no file in row 1"),
        ("file,kind\na.png,ct\n", "no column label; its header is 'file,kind'"),
        ("file:label\na.png:ct\n", "no column file and no column label; its header is 'file:label'"),
        ("", "no column file and no column label"),
        ("file,label\n", "names no picture"),
        ("file,label,decided_by\na.png,medical,model\n", "no label that a person decided"),
    ],
)
def test_a_bad_manifest_is_refused_with_what_is_wrong(tmp_path, text, said):
    with pytest.raises(UsageError, match=said):
        read(tmp_path, text)


def test_what_is_no_text_or_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="UTF-8"):
        read(tmp_path, "file,label\nä.png,medical\n", "latin-1")
    with pytest.raises(UsageError, match="No such file"):
        read_manifest(tmp_path / "none.csv")
