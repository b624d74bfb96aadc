"""Exports: by filter, whole, and counting what the page counts."""

import csv
import io
import json
import zipfile

import pytest

from medsift.store import LabelRow
from tests.review.made import Made, identity

pytestmark = pytest.mark.postgres
FILTERS = [{}, {"label": "medical"}, {"kind": "plot", "min_confidence": 0.7}, {"words": "figure 1"}, {"cluster": 99}]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_all_forms_have_what_the_page_counts(many, anna, filters):
    counted = anna.get("/api/v1/totals", params=filters).json()["pictures"]
    rows = list(csv.DictReader(io.StringIO(anna.get("/api/v1/exports/pictures.csv", params=filters).text)))
    coco = json.loads(anna.get("/api/v1/exports/coco.json", params=filters).content)
    archive = zipfile.ZipFile(io.BytesIO(anna.get("/api/v1/exports/pictures.zip", params=filters).content))
    names = set(archive.namelist()) - {"manifest.csv"}
    assert len(rows) == len(coco["images"]) == len(coco["annotations"]) == len(names) == counted
    assert {image["file_name"] for image in coco["images"]} == names
    assert archive.testzip() is None


def test_coco_names_the_kind_below_its_label(bench, anna):
    bench.publish(Made(1, 0.9, kind="xray"), Made(2, 0.1, kind="plot"))
    coco = json.loads(anna.get("/api/v1/exports/coco.json").content)
    names = {each["id"]: (each["supercategory"], each["name"]) for each in coco["categories"]}
    by_picture = {image["sha256"]: image["id"] for image in coco["images"]}
    of = {each["image_id"]: names[each["category_id"]] for each in coco["annotations"]}
    assert of[by_picture[identity(1)]] == ("medical", "xray")
    assert of[by_picture[identity(2)]] == ("non-medical", "plot")


def test_the_zip_is_a_folder_of_which_evaluate_reads_what_people_labelled(bench, anna, tmp_path):
    from medsift.evaluation.manifest import read_manifest

    bench.publish(Made(1, 0.9), Made(2, 0.1), Made(3, 0.9))
    bench.store.add_labels([LabelRow(identity(1), "medical", "anna"), LabelRow(identity(2), "non-medical", "anna")])
    zipfile.ZipFile(io.BytesIO(anna.get("/api/v1/exports/pictures.zip").content)).extractall(tmp_path)
    manifest = read_manifest(tmp_path / "manifest.csv")
    assert {row.label for row in manifest.rows} == {"medical", "non-medical"}
    assert manifest.left_out == 1
    assert all((tmp_path / row.file).is_file() for row in manifest.rows)


@pytest.mark.parametrize("caption", ["=HYPERLINK(1)", "-2+3+cmd|' /C calc'!A0", "+1", "@SUM(1)"])
def test_a_caption_is_no_formula_in_a_spreadsheet(bench, anna, caption):
    bench.publish(Made(1, 0.9, caption=caption))
    (row,) = csv.DictReader(io.StringIO(anna.get("/api/v1/exports/pictures.csv").text))
    assert row["caption"] == f"'{caption}"
