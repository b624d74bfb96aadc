"""A page that takes too long to be drawn is drawn once more in haste, and its pictures come once."""

import random
from pathlib import Path

import numpy as np
import pymupdf
from pymupdf import mupdf

from medsift.contracts import About, Candidate, Leaf, Missed
from medsift.errors import SandboxError
from medsift.sandbox import TOO_LONG, Item, Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools
from medsift.sources._pdf.reader import pictures
from tests.sources.pdf_parts import RGB8, image, page, scene

PAGE = (600, 800)
CORNERS = 50_000


def scribble() -> str:
    """One path of so many sides across the page, which takes some 20 seconds to be drawn with smooth edges."""
    chance = random.Random(1)  # noqa: S311  a scribble is no secret
    corners = (f"{chance.uniform(0, 600):.1f} {chance.uniform(0, 800):.1f} l" for _ in range(CORNERS))
    return f"0.2 w 0 0 m {' '.join(corners)} S "


def places() -> list[tuple[int, int]]:
    return [(20 + 115 * column, 20 + 95 * row) for row in range(8) for column in range(5)]


def document(path: Path) -> None:
    made = pymupdf.open()
    xrefs = [image(made, (96, 64), RGB8, scene(seed=number).tobytes()) for number in range(40)]
    drawn = (f"q 90 0 0 60 {x} {y} cm /I{number} Do Q " for number, (x, y) in enumerate(places()))
    names = "".join(f"/I{number} {xref} 0 R" for number, xref in enumerate(xrefs))
    page(made, scribble() + "".join(drawn), f"/XObject<<{names}>>", PAGE)
    page(made, "q 90 0 0 60 20 20 cm /I0 Do Q", f"/XObject<</I0 {xrefs[0]} 0 R>>", PAGE)
    made.save(path)


def test_pictures_over_a_path_of_many_sides_are_not_lost(pdf_sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "made.pdf"
    document(path)
    tools = Tools(Settings(child_timeout_s=20), pdf_sandbox, None)
    found = list(KINDS.get("pdf")().extract(Leaf(str(path), "pdf", "b", path=str(path)), tools))
    assert [one for one in found if isinstance(one, Missed)] == []
    candidates = [one for one in found if isinstance(one, Candidate)]
    assert [one.place.page for one in candidates] == [1] * 40 + [2]
    corners = [tuple(np.round(one.place.box[:2]).astype(int)) for one in candidates if one.place.box]
    assert corners[:40] == [(x, PAGE[1] - y - 60) for x, y in places()]


def test_a_page_drawn_in_haste_leaves_the_next_task_smooth_edges(tmp_path: Path) -> None:
    made = pymupdf.open()
    xref = image(made, (96, 64), RGB8, scene().tobytes())
    page(made, "q 90 0 0 60 20 20 cm /I Do Q", f"/XObject<</I {xref} 0 R>>", PAGE)
    made.save(tmp_path / "made.pdf")
    before = mupdf.fz_aa_level()
    arguments = {"path": str(tmp_path / "made.pdf"), "first_page": 1, "max_pixels": 10**6, "budget_s": 9}
    during = [mupdf.fz_aa_level() for _, data in pictures(arguments | {"hurried_page": 1}, b"") if data]
    assert during == [0]
    assert mupdf.fz_aa_level() == before


class Stuck:
    """A sandbox in which the first reading of page 1 stops behind a remark and a picture."""

    def stream(self, _function, arguments, timeout_s=None):
        yield Item(type="about", title="", pages=2), b""
        for number in (1, 2):
            place = {"page": number, "box": [10, 10, 90, 90], "caption": "", "nearby": "", "facts": {}}
            yield Item(type="page", page=number), b""
            if number == 1:
                yield Item(type="refused", page=1, box=None, state="rejected", reason="It is covered."), b""
            yield Item(type="picture", is_rebuilt=True, **place), b"first"
            if number == 1 and not arguments["hurried_page"]:
                raise SandboxError(TOO_LONG)
            yield Item(type="picture", is_rebuilt=True, **place | {"box": [110, 10, 190, 90]}), b"second"


def test_what_came_of_a_page_before_it_took_too_long_does_not_come_again(tmp_path: Path) -> None:
    path = tmp_path / "made.pdf"
    path.write_bytes(b"%PDF-1.7")
    tools = Tools(Settings(), Stuck(), None)
    found = list(KINDS.get("pdf")().extract(Leaf(str(path), "pdf", "b", path=str(path)), tools))
    pages = [(one.place.page, one.data) for one in found if isinstance(one, Candidate)]
    assert pages == [(1, b"first"), (1, b"second"), (2, b"first"), (2, b"second")]
    assert [one.reason for one in found if isinstance(one, Missed)] == ["It is covered."]
    assert sum(isinstance(one, About) for one in found) == 1
