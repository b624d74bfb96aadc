"""Runs in the sandbox child: a page of a kept PDF as people see it, with the place of a picture marked."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medsift.errors import SourceError
from medsift.sources._pdf.opening import mupdf_errors, opened
from medsift.sources._pdf.pixels import render_size, rendered

SIDE = 1400  # pixels, longer side
MARK, WIDTH = (214, 40, 40), 4


def page(arguments: dict[str, Any], _payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """PNG of `page` (from 1) of the PDF at `path`, with `box` (points from the top left) drawn where it is given.

    Raises `SourceError` where the page cannot be read.
    """
    from PIL import Image, ImageDraw

    document = opened(Path(arguments["path"]))
    try:
        display_list = document.load_page(arguments["page"] - 1).get_displaylist()
        whole = tuple(display_list.rect)
        scale = SIDE / max(whole[2] - whole[0], whole[3] - whole[1], 1.0)
        picture = Image.fromarray(rendered(display_list.this, whole, *render_size(whole, scale, scale)))
    except mupdf_errors() as error:
        raise SourceError(f"The page cannot be read ({error}).") from error
    if arguments["box"]:
        x0, y0, x1, y1 = (value * scale for value in arguments["box"])
        x0, x1, y0, y1 = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        ImageDraw.Draw(picture).rectangle((x0 - WIDTH, y0 - WIDTH, x1 + WIDTH, y1 + WIDTH), outline=MARK, width=WIDTH)
    out = io.BytesIO()
    picture.save(out, "PNG")
    yield {"width": picture.width, "height": picture.height}, out.getvalue()
