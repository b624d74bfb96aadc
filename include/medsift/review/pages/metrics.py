"""The section Metrics: the model set in use against people's labels, and all sets there are."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from medsift.review.api.models import shown_sets
from medsift.review.desk import AtDesk
from medsift.review.identity import Reader
from medsift.review.measuring import figures
from medsift.review.rendering import page
from medsift.store import PictureFilter

router = APIRouter()
SUSPECTED = 12


@router.get("/metrics")
def metrics(request: Request, desk: AtDesk, user: Reader) -> Response:
    """Accuracy, calibration, labels that look wrong, model sets."""
    suspected = desk.store.suspected_labels(SUSPECTED)
    pictures = desk.store.listed([each.sha256 for each in suspected])
    judged = figures(desk.store.judged_labels())
    unjudged = desk.store.totals(PictureFilter(decided_by="person")).pictures - judged.n
    return page(request, "metrics", user, figures=judged, unjudged=unjudged, suspected=pictures, sets=shown_sets(desk))
