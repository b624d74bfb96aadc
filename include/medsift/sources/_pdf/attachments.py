"""Files attached to a PDF, one after the other. Runs in the sandbox child only.

Attached to the document, such as those of a portfolio or the data of a figure, or to a page as a paper clip
(ISO 32000-2, 7.11.4 and 12.5.6.15).
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from medsift.errors import SourceError
from medsift.sources._pdf import Mu
from medsift.sources._pdf.opening import mupdf_errors, opened, page_count
from medsift.sources._within.members import MAX_NAME, Member, looked_at

NAMES, ASSOCIATED = "Root/Names/EmbeddedFiles", "Root/AF"
STREAMS = ("UF", "F", "Unix", "DOS", "Mac")  # of a file, by the kind of name that goes with it
NAMELESS = "attachment"
DAMAGED = "It is damaged inside the document."


def members(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The files attached to the PDF at `path`, as `looked_at` has them; raises `SourceError`."""
    document = opened(Path(arguments["path"]))
    of_streams: dict[int, tuple[str, Mu]] = {}
    for stream, name, contents in _attached(document):
        of_streams.setdefault(stream, (name, contents))  # by the name that it has first
    attached = [Member(name, partial(_read, data), may_lack_ending=True) for name, data in of_streams.values()]
    yield from looked_at(attached, arguments)


def has_named(document: Mu) -> bool:
    """Whether files may be attached to the document as a whole."""
    from pymupdf import mupdf

    try:
        trailer = mupdf.pdf_trailer(_pdf(document))
        is_named = mupdf.pdf_is_dict(mupdf.pdf_dict_getp(trailer, NAMES))
        return bool(is_named or mupdf.pdf_is_array(mupdf.pdf_dict_getp(trailer, ASSOCIATED)))
    except mupdf_errors():
        return False


def has_clipped(page: Mu) -> bool:
    """Whether a file is attached to the page."""
    from pymupdf import mupdf

    try:
        return any(kind == mupdf.PDF_ANNOT_FILE_ATTACHMENT for _, kind, _ in page.annot_xrefs())
    except mupdf_errors():
        return False


def _attached(document: Mu) -> Iterator[tuple[int, str, Mu]]:
    """Of each attached file the number of its contents' object, its name, and that object; some more than once."""
    for described in (*_of_document(document), *_of_pages(document)):
        try:
            yield from _contents(described)
        except mupdf_errors():
            continue


def _of_document(document: Mu) -> Iterator[Mu]:
    from pymupdf import mupdf

    try:
        tree = mupdf.pdf_load_name_tree(_pdf(document), mupdf.pdf_new_name("EmbeddedFiles"))
        for index in range(mupdf.pdf_dict_len(tree)):
            yield mupdf.pdf_dict_get_val(tree, index)
        associated = mupdf.pdf_dict_getp(mupdf.pdf_trailer(_pdf(document)), ASSOCIATED)
        for index in range(mupdf.pdf_array_len(associated)):
            yield mupdf.pdf_array_get(associated, index)
    except mupdf_errors():
        return


def _of_pages(document: Mu) -> Iterator[Mu]:
    from pymupdf import mupdf

    for number in range(page_count(document)):
        try:
            notes = mupdf.pdf_dict_gets(mupdf.pdf_lookup_page_obj(_pdf(document), number), "Annots")
            for index in range(mupdf.pdf_array_len(notes)):
                note = mupdf.pdf_array_get(notes, index)
                if mupdf.pdf_to_name(mupdf.pdf_dict_gets(note, "Subtype")) == "FileAttachment":
                    yield mupdf.pdf_dict_gets(note, "FS")
        except mupdf_errors():
            continue


def _contents(described: Mu) -> Iterator[tuple[int, str, Mu]]:
    from pymupdf import mupdf

    held = mupdf.pdf_dict_gets(described, "EF")
    for key in STREAMS:
        contents = mupdf.pdf_dict_gets(held, key)
        if mupdf.pdf_is_stream(contents):
            names = (mupdf.pdf_to_text_string(mupdf.pdf_dict_gets(described, name)) for name in STREAMS)
            yield mupdf.pdf_to_num(contents), _base_name(next(filter(None, names), "")), contents
            return


def _base_name(name: str) -> str:
    base = PurePosixPath(name[-MAX_NAME:].replace("\\", "/").replace("\0", "")).name.strip()
    return base if base.strip(".") else NAMELESS


def _read(contents: Mu, count: int) -> bytes:
    from pymupdf import mupdf

    try:
        stream = mupdf.fz_open_null_filter(mupdf.pdf_open_stream(contents), count, 0)
        return bytes(mupdf.fz_buffer_extract_copy(mupdf.fz_read_all(stream, 0)))
    except mupdf_errors():
        raise SourceError(DAMAGED) from None


def _pdf(document: Mu) -> Mu:
    from pymupdf import mupdf

    return mupdf.pdf_document_from_fz_document(document.this)
