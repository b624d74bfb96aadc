"""Bytes of pictures and of pages they stand on: found by digest alone, never by a name that anybody gave."""

from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import Path, Query
from fastapi.responses import FileResponse, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from medsift.review.desk import Desk
from medsift.store import ListedPicture

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 in hex")]
Point = Annotated[float, Field(ge=-20_000, le=20_000, allow_inf_nan=False)]
Box = Annotated[list[Point] | None, Query(min_length=4, max_length=4, description="x0, y0, x1, y1 in points")]
TYPES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff", "jp2": "image/jp2", "j2k": "image/jp2",
}  # fmt: skip
SHOWN_BY_BROWSERS = {"png", "jpg", "jpeg", "gif", "webp", "bmp"}
OTHER = "application/octet-stream"
LARGE, PAGE = "medsift.pictures.thumbnails:large", "medsift.sources._pdf.showing:page"
# The address names the content. Yet the login decides: without its cookie the browser's copy is none.
KEPT = {"Cache-Control": "private, max-age=3600", "Vary": "Cookie, Authorization"}
SEALED = {"Content-Security-Policy": "default-src 'none'; sandbox"}
UNKNOWN = "There is no picture {}."
NOT_KEPT = "This document is not kept: setting keep_documents was off, or it is no PDF."


def known(desk: Desk, sha256: str) -> ListedPicture:
    """The picture of that identity; raises 404."""
    found = desk.store.listed([sha256])
    if not found:
        raise HTTPException(404, UNKNOWN.format(sha256))
    return found[0]


def picture_file(desk: Desk, sha256: str) -> Response:
    """The picture as it is stored."""
    return _stored(desk, known(desk, sha256))


def shown_picture(desk: Desk, sha256: str) -> Response:
    """The picture in a form that browsers show: as it is stored, or else rendered in the sandbox."""
    picture = known(desk, sha256)
    path = desk.volume.picture(sha256, picture.extension)
    if picture.extension in SHOWN_BY_BROWSERS or not path.is_file():
        return _stored(desk, picture)
    return _rendered(desk, LARGE, {"path": str(path), "max_pixels": desk.settings.max_pixels}, "image/webp")


def thumbnail_file(desk: Desk, sha256: str) -> Response:
    """The small copy."""
    return _file(desk.volume.thumbnail(sha256), "image/webp", f"{sha256[:16]}.webp")


def page_picture(desk: Desk, document: str, page: int, box: list[float] | None) -> Response:
    """A page of a kept PDF as rendered in the sandbox, with the box drawn; only pages that gave a picture."""
    path = desk.volume.document(document, "pdf")
    if not path.is_file() or not desk.store.has_picture_on(document, page):
        raise HTTPException(404, NOT_KEPT)
    return _rendered(desk, PAGE, {"path": str(path), "page": page, "box": box}, "image/png")


def _rendered(desk: Desk, function: str, arguments: dict[str, Any], kind: str) -> Response:
    with desk.reading:
        answers = list(desk.reader.stream(function, arguments))
    return Response(answers[0][1], media_type=kind, headers=KEPT | SEALED)


def _stored(desk: Desk, picture: ListedPicture) -> Response:
    path = desk.volume.picture(picture.sha256, picture.extension)
    return _file(path, TYPES.get(picture.extension, OTHER), f"{picture.sha256[:16]}.{picture.extension}")


def _file(path: FilePath, kind: str, name: str) -> Response:
    if not path.is_file():
        raise HTTPException(404, "This picture is not on the volume any more.")
    headers = KEPT | SEALED | {"Content-Disposition": f'inline; filename="{name}"'}
    return FileResponse(path, media_type=kind, headers=headers)
