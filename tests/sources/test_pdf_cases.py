"""Every way a picture may stand in a PDF: found once, at its place, in the pixels known and as the page shows it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.contracts import Candidate, Leaf
from medsift.sandbox import Sandbox
from medsift.settings import Settings
from medsift.sources import KINDS, Tools
from tests.sources.pdf_cases import CASES
from tests.sources.pdf_parts import as_rendered, difference

TO_THE_PAGE = 3.0  # of 255: mean colour difference to the rendered page


@pytest.mark.parametrize("name", CASES)
def test_the_picture_is_found_once_as_the_page_shows_it(pdf_sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    made = CASES[name]()
    path = tmp_path / "made.pdf"
    path.write_bytes(made.document.tobytes())
    leaf = Leaf(str(path), "pdf", "b", path=str(path))
    found = list(KINDS.get("pdf")().extract(leaf, Tools(Settings(), pdf_sandbox, None)))
    (one,) = [item for item in found if isinstance(item, Candidate)]
    pixels = np.asarray(Image.open(io.BytesIO(one.data)).convert("RGB"), np.int16)
    assert one.place.box == pytest.approx(made.box, abs=0.3)
    assert difference(pixels, as_rendered(made.document, 0, one.place.box)) < TO_THE_PAGE
    assert _mean_difference(pixels, made.pixels) <= made.tolerance


def _mean_difference(pixels: np.ndarray, known: np.ndarray) -> float:
    """Pixel by pixel where both have the same size, which is where the file's own pixels can be kept."""
    return float(np.abs(pixels - known).mean()) if pixels.shape == known.shape else difference(pixels, known)
