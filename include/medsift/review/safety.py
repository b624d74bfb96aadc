"""What holds for every answer and every write, whatever the route: headers, same origin, size of bodies."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medsift.review.problems import problem

READS = {"GET", "HEAD", "OPTIONS"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " frame-ancestors 'self'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FOREIGN = "This came from another site. Open the page in Airflow and try again; programs send a Bearer token."
TOO_LARGE = "The request has more than {} bytes."
MAX_BODY = 2 * 2**20  # of everything but uploads, which have their own limit


class Safety:
    """An ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse writes from elsewhere and bodies too large; give every answer the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = _refusal(scope)
        if refusal is not None:
            await problem(Request(scope), *refusal)(scope, receive, send_with_headers)
            return
        await self.app(scope, _limited(scope, receive), send_with_headers)


def _refusal(scope: Scope) -> tuple[int, str] | None:
    if scope["method"] in READS:
        return None
    headers = Headers(scope=scope)
    if not _is_same_origin(headers):
        return 403, FOREIGN
    length = headers.get("content-length", "0")
    if not _is_upload(scope) and length.isdigit() and int(length) > MAX_BODY:
        return 413, TOO_LARGE.format(MAX_BODY)
    return None


def _is_same_origin(headers: Headers) -> bool:
    """Whether the writer is our own page, or a program that shows a token: other sites can make a browser do neither.

    What a browser says of the site is believed, since no page can make it say otherwise, and a proxy changes hosts.
    Browsers of before 2023 do not say it; behind a proxy the scheme may differ from what we see, so hosts are compared.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    if origin is not None:
        return urlsplit(origin).netloc == headers.get("host")
    return headers.get("authorization", "").lower().startswith("bearer ")


def _is_upload(scope: Scope) -> bool:
    return str(scope["path"]).endswith("/api/v1/uploads")


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Bodies without a length, cut off where they grow too large: the route then sees a body that is no JSON."""
    if scope["method"] in READS or _is_upload(scope):
        return receive
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= MAX_BODY else {"type": "http.request", "body": b"", "more_body": False}

    return limited
