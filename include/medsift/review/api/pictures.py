"""Pictures: listed, counted, one with all that is known of it, its bytes, and what is like it."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from medsift.review.desk import AtDesk
from medsift.review.files import UNKNOWN, Box, Digest, known, page_picture, picture_file, shown_picture, thumbnail_file
from medsift.review.filtering import After, Filter, Sort
from medsift.review.identity import Reader
from medsift.store import ListedPicture, PictureDetails, SourceCount, Totals

router = APIRouter(tags=["pictures"])
BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"image/*": {}}, "description": "The bytes"}}
PageNumber = Annotated[int, Query(ge=1, le=100_000)]


@dataclass(frozen=True)
class PicturePage:
    """Pictures that pass the filter, and the mark of the next page, null at the end."""

    pictures: list[ListedPicture]
    next: str | None


@dataclass(frozen=True)
class LikePicture:
    """A picture like another; `similarity` is the cosine of their vectors."""

    similarity: float
    picture: ListedPicture


@router.get("/pictures")
def list_pictures(
    desk: AtDesk,
    _: Reader,
    wanted: Filter,
    sort: Sort = "newest",
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 60,
) -> PicturePage:
    """Pictures that pass the filter, a page at a time."""
    return PicturePage(*desk.store.page(wanted, sort, after, limit))


@router.get("/totals")
def count_pictures(desk: AtDesk, _: Reader, wanted: Filter) -> Totals:
    """Pictures that pass the filter, counted; 20 bins of P(medical) by the model."""
    return desk.store.totals(wanted)


@router.get("/sources")
def list_sources(
    desk: AtDesk, _: Reader, wanted: Filter, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[SourceCount]:
    """Sources with their pictures that pass the filter, those with most first."""
    return desk.store.by_source(wanted, limit)


@router.get("/pictures/{sha256}")
def show_picture(desk: AtDesk, _: Reader, sha256: Digest) -> PictureDetails:
    """All that is known of a picture: verdict, votes, places, near duplicates, labels."""
    found = desk.store.details(sha256)
    if found is None:
        raise HTTPException(404, UNKNOWN.format(sha256))
    return found


@router.get("/pictures/{sha256}/file", response_class=Response, responses=BYTES)
def picture_bytes(desk: AtDesk, _: Reader, sha256: Digest) -> Response:
    """The picture as it is stored."""
    return picture_file(desk, sha256)


@router.get("/pictures/{sha256}/view", response_class=Response, responses=BYTES)
def shown_bytes(desk: AtDesk, _: Reader, sha256: Digest) -> Response:
    """The picture as browsers can show it: the file, or of a TIFF or JPEG 2000 a WebP of at most 2048 pixels."""
    return shown_picture(desk, sha256)


@router.get("/pictures/{sha256}/thumbnail", response_class=Response, responses=BYTES)
def thumbnail_bytes(desk: AtDesk, _: Reader, sha256: Digest) -> Response:
    """Its small copy, WebP of at most 256 pixels."""
    return thumbnail_file(desk, sha256)


@router.get("/pictures/{sha256}/similar")
def similar_pictures(
    desk: AtDesk, _: Reader, sha256: Digest, limit: Annotated[int, Query(ge=1, le=500)] = 60
) -> list[LikePicture]:
    """Pictures most like it by their vectors, best first; needs pgvector."""
    known(desk, sha256)
    near = {each.sha256: each.similarity for each in desk.store.like(sha256, limit)}
    return [LikePicture(near[picture.sha256], picture) for picture in desk.store.listed(list(near))]


@router.get("/documents/{sha256}/page", response_class=Response, responses=BYTES)
def document_page(desk: AtDesk, _: Reader, sha256: Digest, page: PageNumber, box: Box = None) -> Response:
    """A page of a kept PDF that gave pictures, as PNG, with a box drawn."""
    return page_picture(desk, sha256, page, box)
