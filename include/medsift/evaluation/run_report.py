"""A run's pages for people, made from the document of `medsift sort --json`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from medsift.evaluation.html import environment

REPORT_PICTURES = 300
SHEET_PICTURES = 5000

Document = Mapping[str, Any]


def run_report_html(result: Document, thumbnails: Mapping[str, bytes]) -> str:
    """The report: counts, verdicts by source, pictures (those to review first), what was not kept and why.

    `thumbnails` are WebP bytes by picture identity. At most 300 pictures are shown, the page says how many are left
    out. Nothing of the sources is trusted: all text is escaped, and the page may load and run nothing.
    """
    return _page("run_report.html.jinja", result, thumbnails, REPORT_PICTURES)


def contact_sheet_html(result: Document, thumbnails: Mapping[str, bytes]) -> str:
    """All pictures of a run on one sheet, at most 5,000, those to review first."""
    return _page("contact_sheet.html.jinja", result, thumbnails, SHEET_PICTURES)


def _page(template: str, result: Document, thumbnails: Mapping[str, bytes], room: int) -> str:
    pictures = review_first(result["pictures"])
    return environment().get_template(template).render(
        result=result,
        by_source=verdicts_by_source(result),
        pictures=pictures[:room],
        left_out=max(0, len(pictures) - room),
        thumbnails=thumbnails,
    )  # fmt: skip


def review_first(pictures: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pictures to review, then all others; within both the least confident first."""
    return sorted(pictures, key=lambda picture: (not picture["needs_review"], picture["confidence"], picture["sha256"]))


def verdicts_by_source(result: Document) -> list[dict[str, Any]]:
    """For each source of the run, in order, what its occurrences hold: medical, non-medical, to review.

    A picture that stands in a source twice is counted there twice, as `found` does.
    """
    counted: dict[str, dict[str, int]] = defaultdict(lambda: {"medical": 0, "non_medical": 0, "to_review": 0})
    for picture in result["pictures"]:
        for occurrence in picture["occurrences"]:
            counts = counted[occurrence["source"]]
            counts["medical" if picture["verdict"] == "medical" else "non_medical"] += 1
            counts["to_review"] += picture["needs_review"]
    return [{**source, **counted[source["source"]]} for source in result["sources"]]
