"""Results and picture pages in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.review.made import MANY, Made, identity

pytestmark = pytest.mark.postgres


def test_a_bar_of_the_histogram_filters_and_a_second_click_takes_it_away(many, visitors):
    page = visitors.visit("/results")
    expect(page.locator(".figures")).to_contain_text("150")
    bar = page.locator(".histogram a").nth(13)
    bar.click()
    expect(page.locator(".gallery .card")).to_have_count(sum(0.65 <= made.probability < 0.7 for made in MANY))
    page.locator(".histogram a[aria-current]").click()
    expect(page.locator(".figures dd").first).to_have_text("150")


def test_filters_apply_as_they_are_chosen_and_the_page_goes_on_while_scrolling(many, visitors):
    page = visitors.visit("/results")
    expect(page.locator(".gallery .card")).to_have_count(60)
    page.locator(".gallery .card").last.scroll_into_view_if_needed()
    page.mouse.wheel(0, 4000)
    expect(page.locator(".gallery .card")).to_have_count(120)
    page.get_by_label("Label").select_option("medical")
    page.wait_for_url("**label=medical**")
    expect(page.locator(".figures dd").first).to_have_text(str(sum(made.probability >= 0.5 for made in MANY)))
    page.get_by_label("Caption has").fill("figure 149")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No picture passes")).to_be_visible() if MANY[149].probability < 0.5 else None
    page.get_by_role("link", name="all away").click()
    expect(page.locator(".figures dd").first).to_have_text("150")


def test_a_picture_is_opened_labelled_by_key_and_shows_who_said_what_before(many, visitors):
    page = visitors.visit(f"/picture/{identity(3)}")
    expect(page.get_by_text("More like this")).to_be_visible()
    expect(page.locator("[hx-get] .card").first).to_be_visible()
    page.keyboard.press("n")
    expect(page.locator("#say tbody tr")).to_contain_text(["anna"])
    page.keyboard.press("m")
    expect(page.locator("#say tbody tr")).to_have_count(2)
    expect(page.locator("#say tbody tr").first).to_contain_text("non-medical")
    expect(page.locator("#say tbody tr").first).to_contain_text("medical")


def test_hostile_names_are_shown_as_words(bench, visitors):
    hostile = "\"'><script>document.title='gone'</script><img src=x onerror=alert(1)>"
    bench.publish(Made(1, 0.6, caption=hostile, kind=hostile, source=f"javascript:alert(1)//{hostile}"))
    for path in ("/results", f"/picture/{identity(1)}"):
        page = visitors.visit(path)
        page.wait_for_load_state("networkidle")
        assert "medsift" in page.title()
        assert page.locator("main script").count() == 0
        assert not [
            link for link in page.locator("a").all() if (link.get_attribute("href") or "").startswith("javascript")
        ]
