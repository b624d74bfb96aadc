"""Submit, Export and Metrics in a real browser; runs themselves are watched in tests/e2e."""

import csv
import json

import pytest
from playwright.sync_api import expect

from tests.review.made import identity, png

pytestmark = pytest.mark.postgres


def test_files_are_sent_and_what_is_wrong_is_said(bench, visitors):
    page = visitors.visit("/submit")
    files = [
        {"name": "scan.png", "mimeType": "image/png", "buffer": png(1)},
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"words"},
    ]
    page.locator("#files").set_input_files(files)
    page.get_by_role("button", name="Sort them").click()
    expect(page.locator("#status")).to_contain_text("notes.txt: Nothing here reads this kind of file")
    page.get_by_role("button", name="Remove notes.txt").click()
    page.get_by_role("button", name="Sort them").click()
    expect(page.locator("#status")).to_contain_text("does not answer")  # this app's Airflow is not there
    assert [path.name for path in bench.volume.uploads.glob("*/*")] == ["scan.png"]


def test_who_may_only_read_is_told_how_to_get_the_right(visitors):
    page = visitors.visit("/submit", "vera:READ")
    expect(page.get_by_text("ask an administrator")).to_be_visible()
    expect(page.locator("form")).to_have_count(0)


def test_what_is_exported_is_what_the_page_counts(many, visitors):
    page = visitors.visit("/results?kind=plot")
    page.get_by_role("link", name="Export these").click()
    count = int(page.locator("#count").inner_text())
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save CSV").click()
    with saved.value.path().open(newline="") as file:
        assert len(list(csv.DictReader(file))) == count > 0
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save COCO JSON").click()
    assert len(json.loads(saved.value.path().read_bytes())["images"]) == count


def test_metrics_show_figures_and_sets_and_only_administrators_change_them(many, visitors):
    labels = [{"sha256": identity(number), "label": "medical"} for number in range(10)]
    many.client().post("/api/v1/labels", json={"labels": labels})
    page = visitors.visit("/metrics")
    expect(page.locator(".figures dd").first).to_have_text("10")
    expect(page.locator("#sets")).to_contain_text("in use")
    expect(page.get_by_text("Administrators of Airflow put sets into use")).to_be_visible()
    assert page.locator(".plot circle").count() > 0
