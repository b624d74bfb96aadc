"""Papers made for benchmarks: text, and pictures of given folders at their own size, each with a caption."""

import random
from pathlib import Path

import pymupdf

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png")
LEAST_SIDE_PX = 64  # smaller ones are no pictures of a paper
TEXT = "The figure shows what the section describes, at the scale and with the contrast it was taken with. " * 12
PAGE = pymupdf.Rect(56, 56, 539, 786)


def make_papers(out: Path, folders: list[Path], papers: int, pictures: int, seed: int = 1) -> list[Path]:
    """`papers` PDFs of `pictures` different pictures each, two a page; the same for the same folders and seed.

    Pictures of the first folder come first in the draw, those of the next fill up. Raises `ValueError` where the
    folders hold too few.
    """
    chosen = _draw(folders, papers * pictures, seed)
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(papers):
        path = out / f"paper-{number:02d}.pdf"
        _write_paper(path, chosen[number::papers])
        made.append(path)
    return made


def _draw(folders: list[Path], count: int, seed: int) -> list[Path]:
    chosen: list[Path] = []
    for folder in folders:
        files = [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in PICTURE_ENDINGS and _fits(file)]
        random.Random(seed).shuffle(files)  # noqa: S311  no secret hangs on it
        chosen += files[: count - len(chosen)]
    if len(chosen) < count:
        raise ValueError(f"{count} pictures are needed, the folders hold {len(chosen)}")
    random.Random(seed).shuffle(chosen)  # noqa: S311
    return chosen


def _fits(file: Path) -> bool:
    pixmap = pymupdf.Pixmap(str(file))
    return min(pixmap.width, pixmap.height) >= LEAST_SIDE_PX


def _write_paper(path: Path, pictures: list[Path]) -> None:
    document = pymupdf.open()
    for start in range(0, len(pictures), 2):
        page = document.new_page()
        page.insert_textbox(pymupdf.Rect(56, 56, 539, 250), TEXT, fontsize=9)
        for row, picture in enumerate(pictures[start : start + 2]):
            top = 260 + row * 260
            page.insert_image(pymupdf.Rect(56, top, 539, top + 220), filename=str(picture), keep_proportion=True)
            caption = f"Figure {start + row + 1}. As described in the text."
            page.insert_textbox(pymupdf.Rect(56, top + 222, 539, top + 250), caption, fontsize=8)
    document.save(path, garbage=3, deflate=True)
    document.close()
