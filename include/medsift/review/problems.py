"""Errors as problem details (RFC 9457) for programs, and as a page with the same sentence for people."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from medsift.errors import MedsiftError, StoreError, UsageError
from medsift.review.rendering import page

log = logging.getLogger(__name__)
TITLES = {
    400: "Bad request", 401: "Not logged in", 403: "Not allowed", 404: "Not found", 405: "Not possible here",
    409: "Somebody else was faster", 411: "Length needed", 413: "Too large", 415: "Not a kind that is read",
    422: "Not understood", 500: "A fault of ours", 502: "Airflow does not answer", 503: "Not there just now",
}  # fmt: skip
FAULT = "Something went wrong that should not. The log of the api-server has the details."


class Problem(BaseModel):
    """An error as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": TITLES[status], "content": {"application/problem+json": {}}}
    for status in (400, 401, 403, 404, 409, 413, 415, 422, 503)
}


def install(app: FastAPI) -> None:
    """Have every error of the app answered so."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(MedsiftError, _known)
    app.add_exception_handler(Exception, _unknown)


def problem(
    request: Request, status: int, detail: str, headers: dict[str, str] | None = None, **more: object
) -> Response:
    """The answer to a request that failed; `more` are further members of the problem."""
    title = TITLES.get(status, "Error")
    wants_page = "/api/" not in request.url.path and "text/html" in request.headers.get("accept", "")
    if wants_page and "hx-request" not in request.headers:
        return page(request, "problem", None, status=status, code=status, title=title, detail=detail)
    body = Problem(title=title, status=status, detail=detail).model_dump() | more
    return JSONResponse(body, status, headers, media_type="application/problem+json")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is installed for
    return problem(request, error.status_code, str(error.detail), dict(error.headers or {}))


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is installed for
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return problem(request, 422, f"{where}: {first['msg']}.")


async def _known(request: Request, error: Exception) -> Response:
    status = 422 if isinstance(error, UsageError) else 503 if isinstance(error, StoreError) else 502
    return problem(request, status, str(error))


async def _unknown(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(request, 500, FAULT)
