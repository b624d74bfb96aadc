"""What a PDF says of a picture: its object number, its size and its colour space."""

from collections.abc import Sequence

from medsift.sources._pdf import Mu
from medsift.sources._pdf.drawn import Drawn
from medsift.sources._pdf.opening import mupdf_errors

MAX_PARTS = 8  # of a picture that the page puts together: a strip a line would be hundreds


class PageObjects:
    """Object numbers of the pictures that a page draws.

    MuPDF keeps a loaded picture under its object, so that asking for the object gives the very picture drawn. An inline
    picture has no object, and one that MuPDF had to forget meanwhile is not found again.
    """

    def __init__(self, document: Mu, number: int) -> None:
        self._document, self._number = document, number
        self._of_keys: dict[int, int] = {}
        self._loaded: list[Mu] = []  # kept, so that no other picture gets the address of one of these
        self._asked: set[tuple[int, int]] = set()

    def facts(self, parts: Sequence[Drawn]) -> dict[str, str]:
        """Of a picture that these drawings make, what is known of `xref`, `pixel_size` and `colour_space`."""
        numbers = [str(found) for part in parts[:MAX_PARTS] if (found := self._number_of(part)) is not None]
        spaces = {space for part in parts if (space := _colour_space(part))}
        facts = {"xref": " ".join(dict.fromkeys(numbers)), "colour_space": ", ".join(sorted(spaces))}
        if len(parts) == 1:
            facts["pixel_size"] = f"{parts[0].image.w()} x {parts[0].image.h()}"
        return {name: told for name, told in facts.items() if told}

    def _number_of(self, drawn: Drawn) -> int | None:
        size = (drawn.image.w(), drawn.image.h())
        if drawn.key not in self._of_keys and size not in self._asked:
            self._ask(size)
        return self._of_keys.get(drawn.key)

    def _ask(self, size: tuple[int, int]) -> None:
        """Look up all of the page's picture objects of that size; others would be decoded for nothing."""
        from pymupdf import mupdf

        self._asked.add(size)
        pdf = mupdf.pdf_document_from_fz_document(self._document.this)
        try:
            listed = self._document.get_page_images(self._number - 1, full=True)
        except mupdf_errors():
            return
        for xref in {entry[0] for entry in listed if entry[2:4] == size}:
            try:
                image = mupdf.pdf_load_image(pdf, mupdf.pdf_new_indirect(pdf, xref, 0))
            except mupdf_errors():
                continue
            self._loaded.append(image)
            self._of_keys[image.m_internal_value()] = xref


def _colour_space(drawn: Drawn) -> str:
    """MuPDF's name of it, such as DeviceCMYK or Indexed(193,DeviceCMYK); empty for a stencil, which has none."""
    from pymupdf import mupdf

    space = drawn.image.m_internal.colorspace
    return str(mupdf.ll_fz_colorspace_name(space)) if space else ""
