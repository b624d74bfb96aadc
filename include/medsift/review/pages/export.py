"""The section Export: what passes a filter, as files."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from medsift.review.desk import AtDesk
from medsift.review.filtering import Filter
from medsift.review.identity import Reader
from medsift.review.pages.results import NAMES, chosen
from medsift.review.rendering import page

router = APIRouter()


@router.get("/export")
def export(request: Request, desk: AtDesk, user: Reader, wanted: Filter) -> Response:
    """How many pictures pass, and in which forms they can be had."""
    counts = desk.store.totals(wanted)
    return page(request, "export", user, chosen=chosen(wanted, "newest"), names=NAMES, counts=counts)
