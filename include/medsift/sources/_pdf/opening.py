"""Opening a PDF, and what can still be had of one whose pages cannot be reached."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medsift.errors import EmptySourceError, SourceError
from medsift.sources._pdf import Mu
from medsift.sources._pdf.damage import BREAKS_OFF, breaks_off
from medsift.sources._pdf.drawn import Drawn
from medsift.sources._pdf.making import Refused, Taken
from medsift.sources._pdf.pixels import as_png, native

MAX_STRAY = 1000


def opened(path: Path) -> Mu:
    """The document, readable; raises `EmptySourceError` or `SourceError` with what is wrong with it."""
    # Importing pymupdf would load pymupdf.layout, a neural network of no use here: seconds and memory in every child.
    sys.modules.setdefault("pymupdf.layout", None)  # type: ignore[arg-type]  # None is how an import is refused
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    if path.stat().st_size == 0:
        raise EmptySourceError("The file is empty (0 bytes).")
    try:
        document = pymupdf.open(path, filetype="pdf")
    except (pymupdf.FileDataError, pymupdf.EmptyFileError, RuntimeError) as error:
        raise SourceError("It is not a PDF, or one too damaged to be opened.") from error
    if not document.is_pdf:
        raise SourceError("It is not a PDF.")
    # Asked once and before any password: asking again after authenticate() takes the password back.
    if document.needs_pass and not document.authenticate(""):
        raise SourceError("Encrypted: it needs a password to be opened.")
    return document


def mupdf_errors() -> tuple[type[Exception], ...]:
    """What MuPDF and PyMuPDF raise about a file."""
    from pymupdf import mupdf

    return (mupdf.FzErrorBase, RuntimeError, ValueError)


def page_count(document: Mu) -> int:
    """Pages of the document; 0 where its page tree cannot be read."""
    try:
        return int(document.page_count)
    except mupdf_errors():
        return 0


def stray_pictures(document: Mu, max_pixels: int) -> Iterator[Taken | Refused]:
    """Every picture object of a file without readable pages, upright and at its native size; boxes say nothing."""
    for image, mask in _picture_objects(document):
        width, height = max(image.w(), mask.w() if mask else 0), max(image.h(), mask.h() if mask else 0)
        box = (0.0, 0.0, float(width), float(height))
        if width * height > max_pixels:
            yield Refused(None, "rejected", f"It has {width} x {height} pixels; up to {max_pixels} are allowed.")
            continue
        kind: Any = "stencil" if image.m_internal.imagemask else "image"
        matrix = (box[2], 0.0, 0.0, box[3], 0.0, 0.0)
        drawn = Drawn(image, 0, kind, width, height, matrix, box, box, is_plain=True, order=0, mask=mask)
        if breaks_off(drawn, is_padded=True):
            yield Refused(None, "failed", BREAKS_OFF)
            continue
        try:
            yield Taken(box, as_png(native(drawn)), is_rebuilt=True, parts=[drawn])
        except mupdf_errors() as error:
            yield Refused(None, "failed", f"It cannot be decoded ({error}).")


def _picture_objects(document: Mu) -> Iterator[tuple[Mu, Mu]]:
    """MuPDF pictures with their soft masks, without those that only serve as masks."""
    from pymupdf import mupdf

    pdf = mupdf.pdf_document_from_fz_document(document.this)
    pictures, masks = list[int](), set[int]()
    for xref in range(1, document.xref_length()):
        try:
            if document.xref_get_key(xref, "Subtype") == ("name", "/Image"):
                pictures.append(xref)
                masks |= {_target(document, xref, key) for key in ("SMask", "Mask")}
        except mupdf_errors():  # a broken object among many is passed over, as a reader would
            continue
    for xref in [xref for xref in pictures if xref not in masks][:MAX_STRAY]:
        try:
            image = mupdf.pdf_load_image(pdf, mupdf.pdf_new_indirect(pdf, xref, 0))
        except mupdf_errors():
            continue
        raw = image.m_internal.mask
        yield image, mupdf.FzImage(mupdf.ll_fz_keep_image(raw)) if raw else None


def _target(document: Mu, xref: int, key: str) -> int:
    kind, value = document.xref_get_key(xref, key)
    return int(value.split()[0]) if kind == "xref" else 0
