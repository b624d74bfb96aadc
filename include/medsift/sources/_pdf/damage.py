"""What a damaged PDF lost: MuPDF mends such a file and goes on without a word, so the loss is looked for here."""

from collections.abc import Iterator

from medsift.pictures.jpeg_end import has_end, with_end
from medsift.sources._pdf import Mu
from medsift.sources._pdf.drawn import Drawn

INTERPRETED_IN_PART = "encountered syntax errors"  # what MuPDF says where it passed over a part of a page
CUT_SHORT = ("premature end of data", "treating as end of file")  # what MuPDF says of a stream that it reads in part
PADDED = "padding truncated image"  # what MuPDF says where it makes up the pixels that are missing
BREAKS_OFF = "It cannot be decoded: its data breaks off."
LEAST_ROWS = 0.98  # share of a picture's rows that its data must give: writers often lose a few bytes at the end


def content_fault(document: Mu, page: Mu) -> str:
    """What is wrong with a page or its content streams as a sentence, or nothing.

    A stream that ends early is told of a repaired file alone: many a good one lacks the end of its compressed data.
    """
    if not 0 < page.xref < document.xref_length() or not document.xref_get_keys(page.xref):
        return "The page is named in the file but missing from it."
    streams = [xref for xref in page.get_contents() if xref]
    lost = sum(not document.xref_is_stream(xref) for xref in streams)
    if lost:
        return f"The page's content is missing ({lost} of its {len(streams)} parts cannot be read)."
    if document.is_repaired and any(_is_cut_short(document, xref) for xref in streams):
        return "The page's content breaks off, so pictures of it may be missing."
    return ""


def passed_over(document: Mu, number: int) -> Iterator[str]:
    """Why MuPDF cannot load pictures of a page, one sentence a picture: it passes over them as if they were not there.

    To be asked right after the page was interpreted, while what MuPDF said of it is still known.
    """
    import pymupdf
    from pymupdf import mupdf

    if INTERPRETED_IN_PART not in pymupdf.TOOLS.mupdf_warnings():
        return
    pdf = mupdf.pdf_document_from_fz_document(document.this)
    for xref in dict.fromkeys(entry[0] for entry in document.get_page_images(number - 1)):
        try:
            mupdf.pdf_load_image(pdf, mupdf.pdf_new_indirect(pdf, xref, 0))
        except (mupdf.FzErrorBase, RuntimeError, ValueError) as error:
            yield f"It cannot be decoded ({error})."


def breaks_off(drawn: Drawn, *, is_padded: bool) -> bool:
    """Whether a picture's data end before its pixels do.

    `is_padded`: MuPDF filled up some picture of the page, so that data other than JPEG are to be counted.
    """
    from pymupdf import mupdf

    image = drawn.image.m_internal
    compressed = mupdf.ll_fz_compressed_image_buffer(image)
    if not compressed:
        return False
    if compressed.params.type == mupdf.FZ_IMAGE_JPEG:
        data = bytes(mupdf.fz_buffer_extract_copy(mupdf.FzBuffer(mupdf.ll_fz_keep_buffer(compressed.buffer))))
        return not (has_end(data) or has_end(with_end(data)))
    return is_padded and _rows_had(image, compressed) < LEAST_ROWS * image.h


def has_padded() -> bool:
    """Whether MuPDF filled up a picture whose data broke off since its warnings were reset."""
    import pymupdf

    return PADDED in pymupdf.TOOLS.mupdf_warnings()


def _rows_had(image: Mu, compressed: Mu) -> int:
    """Rows that the data of a picture give, at most as many as it has; none where it cannot be read."""
    from pymupdf import mupdf

    row = int(image.w * image.n * image.bpc + 7) // 8
    try:
        stream = mupdf.FzStream(mupdf.ll_fz_open_compressed_buffer(compressed))
        return int(mupdf.fz_skip(stream, row * image.h)) // row
    except (mupdf.FzErrorBase, RuntimeError, ValueError):
        return 0


def _is_cut_short(document: Mu, xref: int) -> bool:
    import pymupdf
    from pymupdf import mupdf

    pymupdf.TOOLS.reset_mupdf_warnings()
    try:
        document.xref_stream(xref)
    except (mupdf.FzErrorBase, RuntimeError, ValueError):
        return True
    said = pymupdf.TOOLS.mupdf_warnings()
    return any(words in said for words in CUT_SHORT)
