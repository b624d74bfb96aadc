"""The app: routes, errors, headers, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from medsift import __version__
from medsift.review import problems
from medsift.review.api import exports as export_routes
from medsift.review.api import labels as label_routes
from medsift.review.api import models as model_routes
from medsift.review.api import pictures as picture_routes
from medsift.review.api import runs as run_routes
from medsift.review.desk import Desk, OnLabels
from medsift.review.identity import Identity, Reader
from medsift.review.pages import export as export_page
from medsift.review.pages import metrics as metrics_page
from medsift.review.pages import picture as picture_page
from medsift.review.pages import results as results_page
from medsift.review.pages import review as review_page
from medsift.review.pages import submit as submit_page
from medsift.review.runs import Runs
from medsift.review.safety import Safety
from medsift.settings import Settings
from medsift.store import Store

API = "/api/v1"
STATIC_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
STATIC = {path.name: path.read_bytes() for path in files("medsift.review").joinpath("static").iterdir()}


def create_app(
    store: Store, runs: Runs, identity: Identity, on_labels: OnLabels, settings: Settings | None = None
) -> FastAPI:
    """The Review app, to be served at the top or mounted below some path.

    `runs` starts and follows runs; `identity` says who asks and what that person may; `on_labels` is told of new labels
    when a reviewer is done or enough have come in. Without `settings` they are loaded as commands load theirs.
    """
    app = FastAPI(
        title="medsift", version=__version__, lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url=None,
    )  # fmt: skip
    app.state.desk = Desk(store, settings or Settings.load(), runs, on_labels)
    app.state.identity = identity
    app.add_middleware(Safety)
    problems.install(app)
    app.include_router(_api(app), prefix=API, responses=problems.PROBLEMS)
    for section in (review_page, results_page, picture_page, submit_page, export_page, metrics_page):
        app.include_router(section.router, include_in_schema=False)
    app.add_api_route("/static/{name}", _static, include_in_schema=False)
    return app


def _api(app: FastAPI) -> APIRouter:
    api = APIRouter()
    for routes in (picture_routes, label_routes, run_routes, export_routes, model_routes):
        api.include_router(routes.router)

    @api.get("/openapi.json", include_in_schema=False)
    def openapi(_: Reader) -> Response:
        return JSONResponse(app.openapi())

    @api.get("/health")
    def health(user: Reader) -> dict[str, str]:
        """Whether the database answers, and who you are."""
        app.state.desk.store.current_model_set()
        return {"status": "ok", "version": __version__, "user": user.name, "right": user.right.name.lower()}

    return api


def _static(name: str, _: Reader) -> Response:
    if name not in STATIC:
        raise HTTPException(404, f"There is no file {name}.")
    kind = STATIC_TYPES.get(name.rpartition(".")[2], "text/plain")
    return Response(STATIC[name], media_type=kind, headers={"Cache-Control": "private, max-age=3600"})


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {}
    app.state.desk.close()
