"""Pixels: a picture drawn by itself, a part of the page as rendered, and both as PNG.

MuPDF draws in every case, so masks, Decode arrays, colour spaces and turns come out as on the page.
"""

import io
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from medsift.sources._pdf import Mu
from medsift.sources._pdf.drawn import Drawn
from medsift.sources._pdf.geometry import Box, Matrix, is_quarter_turned, is_straight, side_lengths

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]  # height, width, 3: RGB on white

MAX_RENDER_SIDE = 4096
ONE_COLOUR = 4  # of 255: what compression leaves of a plain colour
MAX_RENDER_PIXELS = 40_000_000


def scales(drawn: Drawn) -> tuple[float, float]:
    """Native pixels a point, across and down the page as displayed."""
    across, down = side_lengths(drawn.matrix)
    horizontal, vertical = drawn.width / max(across, 1e-6), drawn.height / max(down, 1e-6)
    if not is_straight(drawn.matrix):
        return (max(horizontal, vertical),) * 2
    return (vertical, horizontal) if is_quarter_turned(drawn.matrix) else (horizontal, vertical)


def native(drawn: Drawn) -> "Pixels":
    """The whole picture by itself at its native resolution, turned as displayed."""
    if is_straight(drawn.matrix):
        turned = is_quarter_turned(drawn.matrix)
        width, height = (drawn.height, drawn.width) if turned else (drawn.width, drawn.height)
        a, b, c, d = (float(round(sign)) for sign in _signs(drawn.matrix))
        matrix = (
            a * width, b * height, c * width, d * height,
            float(width) if min(a, c) < 0 else 0.0, float(height) if min(b, d) < 0 else 0.0,
        )  # fmt: skip
        return _drawn([(drawn, matrix)], width, height)
    across, down = scales(drawn)
    width, height = render_size(drawn.full, across, down)
    return by_itself(drawn, drawn.full, width, height)


def by_itself(drawn: Drawn, box: Box, width: int, height: int) -> "Pixels":
    """What the picture alone leaves in `box` of the page, as `width` x `height` pixels."""
    return together([drawn], box, width, height)


def together(drawings: Sequence[Drawn], box: Box, width: int, height: int) -> "Pixels":
    """What these pictures alone, drawn in this order, leave in `box` of the page, as `width` x `height` pixels."""
    return _drawn([(drawn, _into(drawn.matrix, box, width, height)) for drawn in drawings], width, height)


def rendered(display_list: Mu, box: Box, width: int, height: int) -> "Pixels":
    """`box` of the page with everything on it, as `width` x `height` pixels."""
    return rendered_if_whole(display_list, box, width, height)[0]


def rendered_if_whole(display_list: Mu, box: Box, width: int, height: int) -> "tuple[Pixels, bool]":
    """The same, and whether everything is on it: MuPDF draws nothing behind a picture that it cannot decode."""
    from pymupdf import mupdf

    pixmap, device = _canvas(width, height)
    matrix = mupdf.FzMatrix(*_into((1, 0, 0, 1, 0, 0), box, width, height))
    scissor, cookie = mupdf.FzRect(*box), mupdf.FzCookie()
    mupdf.fz_run_display_list(display_list, device, matrix, mupdf.fz_transform_rect(scissor, matrix), cookie)
    mupdf.fz_close_device(device)
    return _array(pixmap), cookie.m_internal.errors == 0


def has_one_colour(drawn: Drawn) -> bool:
    """Whether the picture, without its mask, is the same colour everywhere."""
    import numpy as np
    from pymupdf import mupdf

    pixmap = mupdf.fz_get_unscaled_pixmap_from_image(drawn.image)
    samples = np.frombuffer(mupdf.fz_pixmap_samples_memoryview(pixmap), np.uint8).reshape(-1, pixmap.n())
    return bool(np.ptp(samples, axis=0).max() <= ONE_COLOUR)


def scaled(pixels: "Pixels", width: int, height: int) -> "Pixels":
    """The same in another size, each pixel the mean of what it stands for."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


def render_size(box: Box, across: float, down: float) -> tuple[int, int]:
    """Pixels of `box` at so many pixels a point, within what a render may take."""
    width, height = max(1.0, (box[2] - box[0]) * across), max(1.0, (box[3] - box[1]) * down)
    factor = min(1.0, MAX_RENDER_SIDE / max(width, height), (MAX_RENDER_PIXELS / (width * height)) ** 0.5)
    return max(1, round(width * factor)), max(1, round(height * factor))


def as_png(pixels: "Pixels") -> bytes:
    """PNG of the pixels, grey where all of them are."""
    from PIL import Image

    out = io.BytesIO()
    picture = Image.fromarray(pixels[..., 0].copy() if _is_gray(pixels) else pixels)
    picture.save(out, "PNG", compress_level=1, compress_type=zlib.Z_RLE)  # a quarter faster, of the same size
    return out.getvalue()


def _is_gray(pixels: "Pixels") -> bool:
    # A sparse look first: most pictures in colour show it there, and the full one costs as much as drawing them.
    for part in (pixels[::29, ::29], pixels):
        red, green, blue = part[..., 0], part[..., 1], part[..., 2]
        if (red != green).any() or (red != blue).any():
            return False
    return True


def _signs(matrix: Matrix) -> tuple[float, float, float, float]:
    a, b, c, d = matrix[:4]
    if is_quarter_turned(matrix):
        return 0.0, b / abs(b), c / abs(c), 0.0
    return a / abs(a), 0.0, 0.0, d / abs(d)


def _into(matrix: Matrix, box: Box, width: int, height: int) -> Matrix:
    across, down = width / (box[2] - box[0]), height / (box[3] - box[1])
    a, b, c, d, e, f = matrix
    return (a * across, b * down, c * across, d * down, (e - box[0]) * across, (f - box[1]) * down)


def _canvas(width: int, height: int) -> tuple[Mu, Mu]:
    from pymupdf import mupdf

    rgb = mupdf.FzColorspace(mupdf.FzColorspace.Fixed_RGB)
    pixmap = mupdf.FzPixmap(rgb, width, height, mupdf.FzSeparations(), 0)
    mupdf.fz_clear_pixmap_with_value(pixmap, 255)
    return pixmap, mupdf.fz_new_draw_device(mupdf.FzMatrix(), pixmap)


def _drawn(placed: Sequence[tuple[Drawn, Matrix]], width: int, height: int) -> "Pixels":
    from pymupdf import mupdf

    pixmap, device = _canvas(width, height)
    for drawn, matrix in placed:
        _draw(device, drawn, mupdf.FzMatrix(*matrix))
    mupdf.fz_close_device(device)
    return _array(pixmap)


def _draw(device: Mu, drawn: Drawn, ctm: Mu) -> None:
    from pymupdf import mupdf

    params = mupdf.FzColorParams()
    if drawn.mask:
        mupdf.fz_clip_image_mask(device, drawn.mask, ctm, mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE))
    if drawn.kind == "image":
        mupdf.fz_fill_image(device, drawn.image, ctm, drawn.alpha, params)
    else:
        color = mupdf.new_floats(3)
        for index, value in enumerate(drawn.color):
            mupdf.floats_setitem(color, index, value)
        rgb = mupdf.FzColorspace(mupdf.FzColorspace.Fixed_RGB)
        mupdf.fz_fill_image_mask(device, drawn.image, ctm, rgb, color, drawn.alpha, params)
        mupdf.delete_floats(color)
    if drawn.mask:
        mupdf.fz_pop_clip(device)


def _array(pixmap: Mu) -> "Pixels":
    import numpy as np
    from pymupdf import mupdf

    view = np.frombuffer(mupdf.fz_pixmap_samples_memoryview(pixmap), np.uint8)
    return view.reshape(pixmap.h(), pixmap.w(), 3).copy()
