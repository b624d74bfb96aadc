"""Pages from templates: everything escaped, nothing inline, addresses below where the app is mounted."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from medsift import __version__
from medsift.evaluation.html import number, percent
from medsift.review.identity import User

SECTIONS = ("review", "results", "submit", "export", "metrics")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Templates with their filters: `percent`, `number`, `query` (a mapping as the end of an address), `moment`."""
    made = Environment(
        loader=PackageLoader("medsift.review", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(percent=percent, number=number, query=query, moment=moment)
    return made


def page(request: Request, template: str, user: User | None, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page or a part of one. `base` is where the app is mounted, without a slash at its end."""
    base = str(request.scope.get("root_path", "")).rstrip("/")
    text = (
        environment()
        .get_template(f"{template}.html.jinja")
        .render(base=base, user=user, section=template, sections=SECTIONS, version=__version__, **values)
    )
    return HTMLResponse(text, status)


def query(values: dict[str, Any], **changed: Any) -> str:
    """The end of an address with these values, some of them changed; empty ones are left out."""
    kept = {name: _text(value) for name, value in (values | changed).items() if value not in (None, "")}
    return f"?{urlencode(kept)}" if kept else ""


def moment(value: Any) -> str:
    """A time as people read it, in UTC."""
    return value.strftime("%Y-%m-%d %H:%M") if value else ""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
