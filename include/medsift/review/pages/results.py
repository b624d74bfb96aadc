"""The section Results: totals, a histogram that filters, the pictures."""

from dataclasses import asdict, replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from medsift.review.desk import AtDesk
from medsift.review.filtering import After, Filter, Sort
from medsift.review.identity import Reader
from medsift.review.rendering import page
from medsift.store import SORTS, PictureFilter

router = APIRouter()
AT_ONCE, SOURCES = 60, 12
NAMES = {
    "label": "is", "kind": "kind", "min_confidence": "at least so sure", "max_confidence": "at most so sure",
    "min_probability": "P(medical) from", "max_probability": "P(medical) below", "needs_review": "needs review",
    "source": "source", "source_kind": "kind of source", "run": "run", "disputed": "voters disagree",
    "duplicates": "near duplicate", "decided_by": "decided by", "cluster": "cluster", "model_set": "model set",
    "words": "caption has",
}  # fmt: skip


@router.get("/results")
def results(request: Request, desk: AtDesk, user: Reader, wanted: Filter, sort: Sort = "newest") -> Response:
    """Pictures that pass the filter, counted and shown."""
    pictures, after = desk.store.page(wanted, sort, None, AT_ONCE)
    totals = desk.store.totals(wanted)
    # A choice by histogram or kind shows beside those that could be chosen instead.
    of_bins = replace(wanted, min_probability=None, max_probability=None)
    of_kinds = replace(wanted, kind=None, label=None)
    return page(
        request, "results", user, chosen=chosen(wanted, sort), names=NAMES, sorts=SORTS, pictures=pictures, after=after,
        totals=totals,
        histogram=(totals if of_bins == wanted else desk.store.totals(of_bins)).histogram,
        kinds=(totals if of_kinds == wanted else desk.store.totals(of_kinds)).kinds,
    )  # fmt: skip


@router.get("/results/more")
def more(
    request: Request, desk: AtDesk, user: Reader, wanted: Filter, sort: Sort = "newest", after: After = None
) -> Response:
    """The next pictures, for the end of the page."""
    pictures, following = desk.store.page(wanted, sort, after, AT_ONCE)
    return page(request, "_cards", user, chosen=chosen(wanted, sort), pictures=pictures, after=following)


@router.get("/results/sources")
def sources(request: Request, desk: AtDesk, user: Reader, wanted: Filter, sort: Sort = "newest") -> Response:
    """The sources with most pictures that pass."""
    found = desk.store.by_source(replace(wanted, source=None), SOURCES)
    return page(request, "_sources", user, chosen=chosen(wanted, sort), sources=found)


def chosen(wanted: PictureFilter, sort: str) -> dict[str, Any]:
    """What is set of filter and sort, as addresses carry it."""
    values = {name: value for name, value in asdict(wanted).items() if value is not None}
    return values if sort == "newest" else values | {"sort": sort}
