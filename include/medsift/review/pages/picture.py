"""A picture with all that is known of it."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from medsift.errors import StoreError
from medsift.review.desk import AtDesk
from medsift.review.files import UNKNOWN, Digest
from medsift.review.identity import Reader
from medsift.review.rendering import page

router = APIRouter()
ALIKE = 18


@router.get("/picture/{sha256}")
def picture(request: Request, desk: AtDesk, user: Reader, sha256: Digest) -> Response:
    """Large, with why it was judged so, where it stands, what people said."""
    found = desk.store.details(sha256)
    if found is None:
        raise HTTPException(404, UNKNOWN.format(sha256))
    kept = {
        place.document
        for place in found.places
        if place.document and desk.volume.document(place.document, "pdf").is_file()
    }
    return page(
        request, "picture", user, found=found, picture=found.picture, kept=kept, keys=desk.settings.review_keys,
        kinds=desk.kinds(),
    )  # fmt: skip


@router.get("/picture/{sha256}/similar")
def similar(request: Request, desk: AtDesk, user: Reader, sha256: Digest) -> Response:
    """What looks like it, for the end of its page."""
    try:
        near = {each.sha256: each.similarity for each in desk.store.like(sha256, ALIKE)}
        trouble = "" if near else "No vector of this picture is stored."
    except StoreError as error:
        near, trouble = {}, str(error)
    pictures = desk.store.listed(list(near))
    return page(request, "_similar", user, pictures=pictures, near=near, trouble=trouble)
