"""Every section in light and dark: nothing that keeps people out (axe-core), nothing broken, nothing from elsewhere."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.review.made import identity

pytestmark = pytest.mark.postgres
PAGES = ["/review", "/results", f"/picture/{identity(3)}", "/submit", "/export?label=medical", "/metrics", "/nothing"]
SERIOUS = {"serious", "critical"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_finding(many, visitors, scheme):
    anna = many.client()
    labels = [{"sha256": identity(number), "label": "medical" if number % 2 else "unsure"} for number in range(8)]
    anna.post("/api/v1/labels", json={"labels": labels})
    found = {}
    for path in PAGES:
        page = visitors.visit(path, "root:ADMINISTER", scheme)
        page.wait_for_load_state("networkidle")
        if path == "/review":
            page.keyboard.press("ArrowRight")
            page.keyboard.press("Space")
            page.keyboard.press("?")
        findings = Axe().run(page).response["violations"]
        found[path] = [
            (each["id"], node["html"][:120], node["failureSummary"][:200])
            for each in findings
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]
    assert found == {path: [] for path in PAGES}


def test_every_request_of_a_page_goes_to_the_app(many, visitors):
    for path in PAGES:
        page = visitors.visit("/static/app.css")
        asked = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(visitors.address + path)
        page.wait_for_load_state("networkidle")
        assert asked
        assert [url for url in asked if not url.startswith(visitors.address)] == []
