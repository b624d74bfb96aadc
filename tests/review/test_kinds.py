"""People name kinds where they label, in a real browser."""

import pytest
from playwright.sync_api import expect

from medsift.store import LabelRow
from tests.review.browsing import at_review, name_kind, press
from tests.review.made import Made, identity

pytestmark = pytest.mark.postgres


@pytest.fixture
def said(bench):
    """Label and kind of each picture that has one."""
    return lambda: {sha: (row.label, row.kind) for sha, row in bench.store.newest_labels().items()}


def test_a_kind_goes_with_the_next_label_and_no_further(bench, visitors, said):
    bench.publish(*(Made(number, 0.6 - number / 100, cluster=number) for number in range(4)))
    queue = [row.sha256 for row in bench.store.review_queue(10)]
    page = at_review(visitors)
    name_kind(page, "Slit Lamp  ")
    press(page, "m")
    expect(page.locator("#status")).to_contain_text("medical, slit lamp")
    press(page, "m")
    assert said() == {queue[0]: ("medical", "slit lamp"), queue[1]: ("medical", None)}


def test_letters_of_a_kind_are_no_keys(bench, visitors, said):
    bench.publish(Made(1, 0.6), Made(2, 0.4))
    page = at_review(visitors)
    press(page, "k")
    page.keyboard.type("mnuyzcs")
    assert said() == {}
    expect(page.locator("#kind")).to_have_value("mnuyzcs")


def test_a_whole_group_gets_its_kind_at_once_and_undo_takes_it_back(bench, visitors, said):
    bench.publish(*(Made(number, 0.6, cluster=7) for number in range(5)))
    page = at_review(visitors)
    press(page, "c")
    expect(page.locator(".tile[aria-selected=true]")).to_have_count(5)
    name_kind(page, "gel")
    press(page, "n")
    assert set(said().values()) == {("non-medical", "gel")}
    assert len(said()) == 5
    press(page, "z")
    assert not [row for row in bench.store.newest_labels().values() if not row.is_withdrawn]


def test_a_kind_of_other_signs_is_refused_before_anything_is_labelled(bench, visitors, said):
    bench.publish(Made(1, 0.6))
    page = at_review(visitors)
    name_kind(page, "<b>")
    press(page, "m")
    expect(page.locator("#status")).to_have_text("A kind has letters, digits, spaces and dashes, no dash first.")
    assert said() == {}


def test_saying_the_same_again_keeps_the_kind_and_another_label_drops_it(bench, visitors, said):
    bench.publish(Made(1, 0.6, cluster=1), Made(2, 0.55, cluster=2))
    first = bench.store.review_queue(10)[0].sha256
    page = at_review(visitors)
    name_kind(page, "mri")
    press(page, "m", "ArrowLeft")
    expect(page.locator("#facts")).to_contain_text("medical, mri by you")
    press(page, "m")
    assert said() == {first: ("medical", "mri")}
    press(page, "ArrowLeft", "n")
    assert said() == {first: ("non-medical", None)}


def test_what_is_taken_back_leaves_its_kind_in_the_field(bench, visitors):
    bench.publish(Made(1, 0.6))
    page = at_review(visitors)
    name_kind(page, "mri")
    press(page, "m", "z")
    expect(page.locator("#kind")).to_have_value("mri")


def test_a_refused_label_overrules_with_its_kind(bench, visitors, said):
    bench.publish(Made(1, 0.6, cluster=1), Made(2, 0.4, cluster=2))
    page = at_review(visitors)
    first = page.locator(".tile.current").get_attribute("data-sha256")
    bench.store.add_labels([LabelRow(first, "unsure", "otto")])
    name_kind(page, "mri")
    press(page, "m")
    expect(page.locator("#status")).to_contain_text("otto has just said unsure")
    press(page, "ArrowLeft", "m")
    assert said()[first] == ("medical", "mri")


def test_a_kind_is_not_passed_over_when_the_rest_is_labelled_as_the_model_says(bench, visitors, said):
    bench.publish(Made(1, 0.6), Made(2, 0.4))
    page = at_review(visitors)
    name_kind(page, "mri")
    press(page, "y")
    expect(page.locator("#status")).to_contain_text("A kind goes with medical or non-medical")
    assert said() == {}


def test_a_picture_with_an_older_kind_of_other_signs_can_be_labelled(bench, visitors, said):
    bench.publish(Made(1, 0.6))
    bench.store.add_labels([LabelRow(identity(1), "medical", "otto", "ct/mri (axial)")])
    page = visitors.visit(f"/picture/{identity(1)}")
    with page.expect_navigation():
        page.keyboard.press("n")
    assert said() == {identity(1): ("non-medical", None)}


def test_kinds_of_prompts_and_those_that_pictures_have_are_offered(bench, visitors):
    bench.publish(Made(1, 0.6, kind="phantom"))
    page = at_review(visitors)
    offered = page.locator("#kinds option").evaluate_all("options => options.map((option) => option.value)")
    assert {"phantom", "mri", "screenshot"} <= set(offered)
    assert offered == sorted(offered)


def test_on_a_pictures_page_the_kind_stays_with_its_label_and_goes_with_another(bench, visitors, said):
    bench.publish(Made(1, 0.6))
    page = visitors.visit(f"/picture/{identity(1)}")
    page.locator("#kind").fill("Phantom")
    for key, expected in [("m", ("medical", "phantom")), ("m", ("medical", "phantom")), ("n", ("non-medical", None))]:
        with page.expect_navigation():
            page.get_by_role("heading", name="What is it?").click()
            page.keyboard.press(key)
        assert said() == {identity(1): expected}
    expect(page.locator("#say")).to_contain_text("medical, phantom")


def test_who_may_only_look_names_no_kinds(bench, visitors):
    bench.publish(Made(1, 0.6))
    page = at_review(visitors, "otto:READ")
    expect(page.locator("#kind")).to_be_disabled()
    press(page, "k")
    expect(page.locator("#kind")).not_to_be_focused()


def test_pictures_can_be_labelled_where_prompts_cannot_be_read(bench, visitors, said, tmp_path):
    bench.app.state.desk.settings = bench.settings.model_copy(update={"prompts_dir": tmp_path / "gone"})
    bench.publish(Made(1, 0.6, kind="phantom"))
    page = at_review(visitors)
    expect(page.locator("#kinds option")).to_have_count(1)
    press(page, "m")
    assert said() == {identity(1): ("medical", None)}
