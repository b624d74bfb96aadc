"""Take the screenshots of the documents from a stack that is up: the last run, its log, the pages of the Review app.

    make up && .venv/bin/medsift stack run && python tools/take_screenshots.py

Needs Chromium (Debian: apt-get install chromium) and playwright from requirements-dev.txt.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import requests
from playwright.sync_api import Page, sync_playwright

from medsift.settings import Settings
from medsift.topology.layout import ADMIN, StackLayout, admin_password
from medsift.topology.stack import status
from medsift.volume import Volume

OUT = Path(__file__).parents[1] / "docs" / "img"
DAG = "medsift_sort"
REVIEW_PAGES = ("review", "results", "submit", "export", "metrics")
OF_A_PAPER = "/medsift/api/v1/pictures?label=medical&source_kind=pdf&sort=surest&limit=1"
SIZE = {"width": 1400, "height": 860}
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Log in, open the pages, save pictures of them."""
    settings = Settings.load()
    state = status(settings)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if state is None or chromium is None:
        sys.exit("The stack is down: make up." if state is None else "No Chromium: apt-get install chromium.")
    password = admin_password(StackLayout.of(Volume(settings.volume)))
    credentials = {"username": ADMIN, "password": password}
    token = requests.post(f"{state.address}/auth/token", json=credentials, timeout=30).json()["access_token"]
    run = last_run(state.address, token)
    OUT.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport=SIZE)
        log_in(page, state.address, credentials)
        save(page, f"{state.address}/dags/{DAG}/runs/{run}", "grid.png")
        save(page, f"{state.address}/dags/{DAG}/runs/{run}/tasks/embed/mapped/0", "log.png")
        for name in REVIEW_PAGES:
            save(page, f"{state.address}/medsift/{name}", f"review-{name}.png")
        (picture,) = page.request.get(f"{state.address}{OF_A_PAPER}").json()["pictures"]
        save(page, f"{state.address}/medsift/picture/{picture['sha256']}", "review-picture.png")
        browser.close()


def last_run(address: str, token: str) -> str:
    """Id of the newest finished run."""
    headers = {"Authorization": f"Bearer {token}"}
    query = {"order_by": "-start_date", "limit": 1, "state": "success"}
    runs = requests.get(f"{address}/api/v2/dags/{DAG}/dagRuns", headers=headers, params=query, timeout=30)
    found = json.loads(runs.text)["dag_runs"]
    return str(found[0]["dag_run_id"]) if found else sys.exit("There is no finished run yet.")


def log_in(page: Page, address: str, credentials: dict[str, str]) -> None:
    """Through the form, as a person does."""
    page.goto(f"{address}/auth/login")
    page.get_by_role("textbox", name="username").fill(credentials["username"])
    page.locator("input[type=password]").fill(credentials["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/**", timeout=30_000)


def save(page: Page, url: str, name: str) -> None:
    """Open a page, wait until it is quiet, save it with the mouse where no tooltip opens."""
    page.goto(url)
    page.mouse.move(SIZE["width"] - 1, SIZE["height"] - 1)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(3000)
    page.screenshot(path=OUT / name)
    print(OUT / name)


if __name__ == "__main__":
    main()
