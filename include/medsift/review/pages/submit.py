"""The section Submit: files and addresses in, a run that is watched, runs of the past."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from medsift.errors import MedsiftError
from medsift.review.desk import AtDesk
from medsift.review.identity import Reader
from medsift.review.rendering import page

router = APIRouter()
PAST = 20
ENDED = {"success", "failed"}
RunName = Annotated[str, Query(max_length=250, pattern=r"^[^\x00/]+$")]


@router.get("/submit")
def submit(request: Request, desk: AtDesk, user: Reader, run: RunName | None = None) -> Response:
    """What to sort, the run that is watched, and those before."""
    past = desk.store.recent_runs(PAST)
    return page(request, "submit", user, run=run, past=past, most_mb=desk.settings.upload_max_mb)


@router.get("/submit/progress")
def progress(request: Request, desk: AtDesk, user: Reader, run: RunName) -> Response:
    """How far the run is; asks for itself again until it has ended."""
    try:
        found, steps = desk.runs.progress(user, run)
    except MedsiftError as error:
        return page(request, "_progress", user, run=run, found=None, steps=[], trouble=str(error), has_ended=False)
    has_ended = found.state in ENDED
    return page(request, "_progress", user, run=run, found=found, steps=steps, trouble="", has_ended=has_ended)
