"""JPEG pictures whose dictionary says otherwise than they do: the JPEG's own header counts, as in pdf.js.

MuPDF reads as many samples as the dictionary says, and shows noise where the JPEG has others.
"""

import io
from dataclasses import dataclass, field

from medsift.pictures.jpeg_end import has_all_rows
from medsift.sources._pdf import Mu

SPACES = {1: "/DeviceGray", 3: "/DeviceRGB", 4: "/DeviceCMYK"}
INVERTED = "[1 0 1 0 1 0 1 0]"  # how Adobe's programs write inks
ERRORS = (OSError, SyntaxError, ValueError)


@dataclass
class JpegHeaders:
    """Mends the dictionaries of a document's JPEG pictures, each once, before their page is interpreted.

    Height is the one thing in which a header errs: some scanners state the most that they can (65,000 rows).
    `max_pixels`: larger pictures are not decoded to tell.
    """

    document: Mu
    max_pixels: int
    seen: set[int] = field(default_factory=set)

    def mend(self, number: int) -> None:
        """Let the pictures that a page's resources name say of themselves what their JPEG data does."""
        import pymupdf

        mended = False
        for xref, _, width, height, bits, *_, kind, _ in self.document.get_page_images(number - 1, full=True):
            if kind == "DCTDecode" and xref not in self.seen:
                mended = self._mend_one(xref, (width, height), bits) or mended
            self.seen.add(xref)
        if mended:
            pymupdf.TOOLS.store_shrink(100)  # MuPDF may have loaded one already

    def _mend_one(self, xref: int, said: tuple[int, int], bits: int) -> bool:
        from PIL import Image

        stream = self.document.xref_stream_raw(xref)
        try:
            with Image.open(io.BytesIO(stream), formats=["JPEG"]) as picture:
                components, is_adobe = len(picture.getbands()), "adobe" in picture.info
                width, height = picture.size
        except (*ERRORS, Image.DecompressionBombError):
            return False
        if height > said[1] and not (width * height <= self.max_pixels and has_all_rows(stream)):
            height = said[1]
        changes = {"Width": str(width), "Height": str(height)} if (width, height) != said else {}
        if components != self._components(xref) and components in SPACES:
            changes["ColorSpace"] = SPACES[components]
            changes["Decode"] = INVERTED if components == 4 and is_adobe else "null"
        if bits not in (0, 8):
            changes["BitsPerComponent"] = "8"
        for key, value in changes.items():
            self.document.xref_set_key(xref, key, value)
        return bool(changes)

    def _components(self, xref: int) -> int | None:
        """Samples a pixel that the dictionary's colour space has; None without one that can be read."""
        from pymupdf import mupdf

        pdf = mupdf.pdf_document_from_fz_document(self.document.this)
        try:
            space = mupdf.pdf_dict_gets(mupdf.pdf_load_object(pdf, xref), "ColorSpace")
            return int(mupdf.fz_colorspace_n(mupdf.pdf_load_colorspace(space))) if space.m_internal else None
        except (mupdf.FzErrorBase, RuntimeError, ValueError):
            return None
