"""Exports of the pictures that pass a filter, streamed."""

from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from medsift.review.desk import AtDesk
from medsift.review.exporting import coco_stream, csv_stream, zip_stream
from medsift.review.filtering import Filter
from medsift.review.identity import Reader

router = APIRouter(tags=["exports"])


@router.get("/exports/pictures.csv", response_class=StreamingResponse)
def export_csv(desk: AtDesk, _: Reader, wanted: Filter) -> StreamingResponse:
    """One row a picture: label, who decided, how sure, the first place where it stands."""
    return _saved(csv_stream(desk.store.export_rows(wanted)), "text/csv; charset=utf-8", "pictures.csv")


@router.get("/exports/coco.json", response_class=StreamingResponse)
def export_coco(desk: AtDesk, _: Reader, wanted: Filter) -> StreamingResponse:
    """COCO's JSON: a picture an image, its kind a category."""
    return _saved(coco_stream(desk.store.export_rows(wanted)), "application/json", "coco.json")


@router.get("/exports/pictures.zip", response_class=StreamingResponse)
def export_zip(desk: AtDesk, _: Reader, wanted: Filter) -> StreamingResponse:
    """The pictures in folders by label, with a manifest that `medsift evaluate` reads."""
    return _saved(zip_stream(desk.store.export_rows(wanted), desk.volume), "application/zip", "pictures.zip")


def _saved(stream: Iterator[bytes], kind: str, name: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="medsift-{name}"'}
    return StreamingResponse(stream, media_type=kind, headers=headers)
