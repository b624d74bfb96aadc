"""Runs: files sent, runs started with the person's own rights, followed, listed."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from medsift.review.desk import AtDesk
from medsift.review.identity import Labeller, Reader
from medsift.review.uploads import TICKET, receive, sent

router = APIRouter(tags=["runs"])
Ticket = Annotated[str, Field(pattern=TICKET)]
Address = Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\s\x00]+$")]
RunName = Annotated[str, Path(max_length=250, pattern=r"^[^\x00/]+$")]


class Upload(BaseModel):
    """A file that was taken: name the ticket when you start a run."""

    ticket: str
    name: str
    kind: str
    bytes: int


class Submission(BaseModel):
    """What to sort: tickets of files that were sent, and addresses of pages, pictures or documents."""

    model_config = ConfigDict(extra="forbid")
    uploads: Annotated[list[Ticket], Field(max_length=500)] = []
    addresses: Annotated[list[Address], Field(max_length=500)] = []


class Run(BaseModel):
    """A run; `run_id` is what pictures are filtered by, `address` its page with logs."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    run_id: str
    state: str
    started_at: str
    address: str


class Step(BaseModel):
    """How far a step is, and what its finished tasks counted."""

    model_config = ConfigDict(from_attributes=True)
    name: str
    done: int
    failed: int
    total: int
    seconds: float
    counts: dict[str, int]


class Progress(BaseModel):
    """A run and its steps in order."""

    run: Run
    steps: list[Step]


class PastRun(BaseModel):
    """A run as the database has it, whatever started it."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    state: str
    trigger: str
    profile: str
    counts: dict[str, Any]


BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"format": "binary"}}}}}


@router.post("/uploads", status_code=201, openapi_extra=BODY)
async def upload(
    request: Request,
    desk: AtDesk,
    _: Labeller,
    name: Annotated[str, Query(min_length=1, max_length=1000, description="the file's name")],
) -> Upload:
    """Send a file as the body of the request: a PDF, picture, DICOM file or zip archive, known by its content."""
    ticket, path, kind = await receive(request.stream(), name, desk.settings)
    return Upload(ticket=ticket, name=path.name, kind=kind, bytes=path.stat().st_size)


@router.post("/runs", status_code=201)
def start_run(desk: AtDesk, user: Labeller, submission: Submission) -> Run:
    """Sort what was sent and what stands at the addresses."""
    sources = [str(sent(desk.volume, ticket)) for ticket in submission.uploads] + submission.addresses
    if not sources:
        raise HTTPException(422, "There is nothing to sort: send a file first, or name an address.")
    return Run.model_validate(desk.runs.start(user, sources))


@router.get("/runs")
def list_runs(desk: AtDesk, _: Reader, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> list[PastRun]:
    """The newest runs."""
    return [PastRun.model_validate(run) for run in desk.store.recent_runs(limit)]


@router.get("/runs/{name}")
def follow_run(desk: AtDesk, user: Reader, name: RunName) -> Progress:
    """A run that was started here or in Airflow, by its `id`, and its steps."""
    run, steps = desk.runs.progress(user, name)
    return Progress(run=Run.model_validate(run), steps=[Step.model_validate(step) for step in steps])
