"""The whole way of a reviewer through the real stack: log in, send a file, watch the run, label, be done."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, expect

from medsift.topology.layout import ADMIN
from medsift.topology.postgres import EmbeddedPostgres
from tests.review.made import png

pytestmark = pytest.mark.stack
RUN_MS = 300_000


def command(*arguments: str, volume: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MEDSIFT_VOLUME": str(volume)}
    environment.pop("MEDSIFT_DATABASE_URL", None)
    line = [sys.executable, "-m", "medsift.cli", *arguments]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=400)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address of a stack that is up, and its password."""
    up = command("stack", "up", volume=tmp_path)
    assert up.returncode == 0, up.stderr
    try:
        address = next(line.split()[1] for line in up.stdout.splitlines() if line.startswith("address:"))
        yield address, json.loads((tmp_path / "stack" / "passwords.json").read_text())[ADMIN]
    finally:
        command("stack", "down", volume=tmp_path)
        EmbeddedPostgres(tmp_path / "stack" / "postgres").remove()


def test_a_file_is_sent_sorted_labelled_and_passed_on(stack: tuple[str, str], browser: Browser) -> None:
    address, password = stack
    page = browser.new_page(viewport={"width": 1400, "height": 860})
    page.goto(f"{address}/auth/login")
    page.get_by_role("textbox", name="username").fill(ADMIN)
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/auth/" not in url, timeout=60_000)
    page.wait_for_load_state("networkidle")

    page.goto(f"{address}/medsift/submit")
    files = [{"name": f"{number}.png", "mimeType": "image/png", "buffer": png(number)} for number in (1, 2)]
    page.locator("#files").set_input_files(files)
    page.get_by_role("button", name="Sort them").click()
    page.wait_for_url("**/submit?run=**", timeout=60_000)
    expect(page.locator("[data-state=success]")).to_be_visible(timeout=RUN_MS)
    expect(page.locator(".steps")).to_contain_text("publish")

    page.get_by_role("link", name="See its pictures").click()
    expect(page.locator(".gallery .card")).to_have_count(2)
    page.goto(f"{address}/medsift/review")
    page.locator("body[data-ready]").wait_for()
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#status")).to_contain_text("2 labels were passed on")
    page.close()

    body = {"username": ADMIN, "password": password}
    token = requests.post(f"{address}/auth/token", json=body, timeout=60).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    events = requests.get(f"{address}/api/v2/assets/events", headers=headers, timeout=60).json()["asset_events"]
    (labels,) = [event for event in events if event["name"] == "medsift_labels"]
    assert labels["extra"] == {"labels": 2, "by": ADMIN}
