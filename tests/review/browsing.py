"""People at browsers: Debian's Chromium, each logged in by a cookie of their own."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, or a failure that names the command that installs it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("Chromium is not there. Debian: apt-get install --no-install-recommends chromium")
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address at which the app answers browsers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


class Visitors:
    """Opens pages; whatever a page complained of is in `faults`."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser, self.address = browser, address
        self.faults: list[str] = []

    def visit(self, path: str, who: str = "anna:LABEL", scheme: str = "light") -> Page:
        """A page in a browser of somebody's own."""
        context = self.browser.new_context(viewport={"width": 1360, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]
        host = urlsplit(self.address).hostname or ""
        context.add_cookies([{"name": "who", "value": who, "domain": host, "path": "/"}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.goto(self.address + path)
        return page

    def close(self) -> None:
        """Close what was opened."""
        for context in self.browser.contexts:
            context.close()

    def _heard(self, kind: str, text: str) -> None:
        # A refusal that the page itself asked for and shows stands on the console as well.
        if kind == "error" and "Failed to load resource" not in text:
            self.faults.append(text)


def at_review(visitors: Visitors, who: str = "anna:LABEL") -> Page:
    """The Review page, once its first pictures are there."""
    page = visitors.visit("/review", who)
    page.wait_for_selector("body[data-ready]")
    return page


def settled(page: Page) -> None:
    """Until the server has answered all that was asked."""
    page.wait_for_selector("body[aria-busy=false]")


def press(page: Page, *keys: str) -> None:
    """Keys one after the other, and what comes of them."""
    for key in keys:
        page.keyboard.press(key)
    settled(page)


def name_kind(page: Page, kind: str) -> None:
    """Type a kind where the page has a field for it, and go back to the keys."""
    press(page, "k")
    page.keyboard.type(kind)
    press(page, "Enter")
