"""The section Review: the queue, labelled by keys."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from medsift.review.desk import AtDesk
from medsift.review.identity import Reader
from medsift.review.rendering import page

router = APIRouter()


@router.get("/")
def home(request: Request, _: Reader) -> Response:
    """To the section that people come for."""
    base = str(request.scope.get("root_path", "")).rstrip("/")
    return RedirectResponse(f"{base}/review", 307)


@router.get("/review")
def review(request: Request, desk: AtDesk, user: Reader) -> Response:
    """The queue of pictures to label."""
    return page(request, "review", user, keys=desk.settings.review_keys, kinds=desk.kinds())
