"""Two papers in two columns, with figures, captions and running text, made with PyMuPDF."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import count, cycle
from pathlib import Path
from typing import NamedTuple

import pymupdf
from PIL import Image
from sample.originals import ORIGINALS

from medsift.evaluation.expected import Expected

WIDTH, HEIGHT, MARGIN, GUTTER, TOP = 595.0, 842.0, 48.0, 20.0, 118.0
COLUMN = (WIDTH - 2 * MARGIN - GUTTER) / 2
BODY, HEADING, SMALL = ("tiro", 9.5), ("hebo", 10.5), ("tiro", 8.0)
PROCEEDINGS = "Proceedings of the Workshop on Printed Matter"
PROSE = Path(__file__).with_name("prose.txt")

# Captions name neither subject nor kind: what a picture shows must be seen.
CAPTIONS = (
    "Input used in the first experiment.",
    "The input with the largest difference between observers.",
    "Input as it was delivered, before the second round.",
    "Next in the order of the table.",
    "An input that most observers recognised at once.",
    "Result of the second experiment.",
    "Input with a wide border, see text.",
    "The last input of the series.",
)


class Figure(NamedTuple):
    """One or two originals side by side, in parts of the column's width."""

    names: tuple[str, ...]
    width: float = 1.0


class Paper(NamedTuple):
    """A paper: its title, and for each page its columns of figures with text between them."""

    file: str
    title: str
    pages: tuple[tuple[tuple[Figure, ...], tuple[Figure, ...]], ...]


PAPERS = (
    Paper(
        "paper-1.pdf",
        "On what remains of a picture after typesetting",
        (
            ((Figure(("axial-90",), 0.62),), (Figure(("coffee",), 0.9),)),
            ((Figure(("retina",), 0.7), Figure(("lines",))), (Figure(("camera",), 0.6), Figure(("scatter",), 0.95))),
            ((Figure(("head-ct", "bars")),), (Figure(("page",)),)),
        ),
    ),
    Paper(
        "paper-2.pdf",
        "Observers, screens and the order of inputs",
        (
            ((Figure(("chelsea",), 0.85),), (Figure(("sagittal-98", "axial-70")),)),
            ((Figure(("doppler",)), Figure(("histogram",), 0.95)), (Figure(("astronaut",), 0.65),)),
            ((Figure(("boxes",), 0.9),), (Figure(("axial-110",), 0.55), Figure(("coins",), 0.8))),
        ),
    ),
)


def write_papers(folder: Path) -> list[Expected]:
    """Write the papers; returns where each picture stands and what it is."""
    folder.mkdir(parents=True, exist_ok=True)
    return [row for paper in PAPERS for row in _Setter(paper, folder.name).write(folder)]


class _Setter:
    """Sets one paper; a column is filled from `y` downwards."""

    def __init__(self, paper: Paper, room: str) -> None:
        self.paper, self.where = paper, f"{room}/{paper.file}"
        self.document = pymupdf.open()
        self.expected: list[Expected] = []
        paragraphs = PROSE.read_text(encoding="utf-8").split("\n\n")
        self.prose = cycle(paragraphs if paper is PAPERS[0] else paragraphs[6:] + paragraphs[:6])
        self.captions = cycle(CAPTIONS)
        self.figures, self.sections = count(1), count(1)

    def write(self, folder: Path) -> list[Expected]:
        for number, columns in enumerate(self.paper.pages, start=1):
            page = self.document.new_page(width=WIDTH, height=HEIGHT)
            self._head(page, number)
            for side, figures in enumerate(columns):
                self._column(page, MARGIN + side * (COLUMN + GUTTER), figures)
        self.document.set_metadata({"title": self.paper.title})
        self.document.save(folder / self.paper.file, garbage=3, deflate=True, no_new_id=True)
        return self.expected

    def _head(self, page: pymupdf.Page, number: int) -> None:
        if number == 1:
            self._picture(page, "logo", pymupdf.Rect(MARGIN, 30, MARGIN + 52, 82))
            page.insert_text((MARGIN + 66, 62), self.paper.title, fontname="tibo", fontsize=17)
            page.insert_text(
                (MARGIN + 66, 80), "Proceedings of the Workshop on Printed Matter", fontname="tiit", fontsize=9
            )
        else:
            page.insert_text((MARGIN, 44), self.paper.title, fontname="tiit", fontsize=9)
        page.draw_line((MARGIN, 92), (WIDTH - MARGIN, 92), width=0.5)
        page.insert_text((WIDTH / 2, HEIGHT - 28), str(number), fontname="tiro", fontsize=9)

    def _column(self, page: pymupdf.Page, left: float, figures: Sequence[Figure]) -> None:
        y = self._text(page, f"{next(self.sections)}  Inputs and observations", left, TOP, HEADING)
        for figure in figures:
            y = self._text(page, next(self.prose), left, y + 4, BODY)
            y = self._figure(page, figure, left, y + 2)
        while y < HEIGHT - 150:
            y = self._text(page, next(self.prose), left, y + 4, BODY)

    def _figure(self, page: pymupdf.Page, figure: Figure, left: float, y: float) -> float:
        gap = 6.0
        width = (COLUMN * figure.width - gap * (len(figure.names) - 1)) / len(figure.names)
        x = left + (COLUMN - COLUMN * figure.width) / 2
        heights = []
        for name in figure.names:
            columns, rows = ORIGINALS[name].image().size
            heights.append(width * rows / columns)
            self._picture(page, name, pymupdf.Rect(x, y, x + width, y + heights[-1]))
            x += width + gap
        caption = f"Figure {next(self.figures)}. {next(self.captions)}"
        return self._text(page, caption, left, y + max(heights) + 11, SMALL) + 6

    def _picture(self, page: pymupdf.Page, name: str, box: pymupdf.Rect) -> None:
        original = ORIGINALS[name]
        page.insert_image(box, stream=_embeddable(original.read()))
        corners = tuple(round(value, 1) for value in box)
        self.expected.append(
            Expected(
                self.where, page.number + 1, corners, None, "kept", original.label, original.kind, original.title, ""
            )
        )

    def _text(self, page: pymupdf.Page, text: str, left: float, y: float, style: tuple[str, float]) -> float:
        font, size = style
        for line in _lines(text, font, size):
            page.insert_text((left, y), line, fontname=font, fontsize=size)
            y += size * 1.22
        return y


def _lines(text: str, font: str, size: float) -> Iterator[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if pymupdf.get_text_length(longer, fontname=font, fontsize=size) > COLUMN:
            yield line
            longer = word
        line = longer
    yield line


def _embeddable(data: bytes) -> bytes:
    """At most 1000 px, as publishers deliver; smaller ones byte for byte."""
    image = Image.open(BytesIO(data))
    if max(image.size) <= 1000:
        return data
    image.thumbnail((1000, 1000))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
