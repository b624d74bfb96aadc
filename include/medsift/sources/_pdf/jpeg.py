"""When a JPEG stream of a PDF may be kept byte for byte: when it looks as the page shows it, anywhere it is opened."""

import io
from typing import TYPE_CHECKING

from medsift.sources._pdf.covering import FINEST, covers, hidden
from medsift.sources._pdf.drawn import Drawn
from medsift.sources._pdf.geometry import is_upright
from medsift.sources._pdf.pixels import scaled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medsift.sources._pdf.pixels import Pixels

ORIENTATION_TAG = 274
COMPARED_SIDE = (
    48  # pixels to which picture and page are reduced: fine enough for a clip or a turn, coarse for smoothing
)
MAX_MEAN, CLEARLY, MAX_SHARE = 3.0, 40, 0.03  # of 255; what is further off is drawn and compared pixel by pixel
MAX_DIFFERENCE = 4.0  # of 255, mean over a 16 x 16 reduction: far above what decoders differ by, far below a cast


def stream_of(drawn: Drawn) -> bytes | None:
    """The JPEG stream of a picture whose placement and dictionary change nothing about it, or None."""
    from pymupdf import mupdf

    image = drawn.image.m_internal
    changes = image.use_decode or image.use_colorkey or image.mask or drawn.mask or drawn.alpha < 0.999
    if drawn.kind != "image" or changes or not is_upright(drawn.matrix):
        return None
    compressed = mupdf.ll_fz_compressed_image_buffer(image)
    if not compressed or compressed.params.type != mupdf.FZ_IMAGE_JPEG or image.n not in (1, 3):
        return None
    buffer = mupdf.FzBuffer(mupdf.ll_fz_keep_buffer(compressed.buffer))
    return bytes(mupdf.fz_buffer_extract_copy(buffer))


def reduced_size(drawn: Drawn) -> tuple[int, int]:
    """Pixels at which a picture is drawn to be compared: a whole fraction of its own, so that both reduce alike."""
    factor = max(1, max(drawn.width, drawn.height) // 256)
    return max(1, drawn.width // factor), max(1, drawn.height // factor)


def looks_like(stream: bytes, drawn: Drawn, shown: "Pixels") -> bool:
    """Whether any viewer would show `stream` as `shown` (the picture as MuPDF draws it, in any size)."""
    seen = _decoded(stream, drawn, 128)
    return seen is not None and bool(_differences(seen, shown, 16).mean() <= MAX_DIFFERENCE)


def is_shown(stream: bytes, drawn: Drawn, shown: "Pixels") -> bool:
    """Whether any viewer would show `stream` as `shown`, a part of the page, but for a few letters set over it."""
    seen = _decoded(stream, drawn, 2 * FINEST)
    if seen is None:
        return False
    apart = _differences(seen, shown, COMPARED_SIDE)
    is_alike = bool(apart.mean() <= MAX_MEAN and (apart > CLEARLY).mean() <= MAX_SHARE)
    return is_alike and not covers(hidden(shown, seen))


def _decoded(stream: bytes, drawn: Drawn, side: int) -> "Pixels | None":
    """The picture, of so many pixels a side at least where it has them; None where viewers may differ about it."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(stream), formats=["JPEG"]) as picture:
            if (picture.width, picture.height) != (drawn.width, drawn.height) or picture.mode not in ("L", "RGB"):
                return None
            if picture.getexif().get(ORIENTATION_TAG, 1) != 1 or not _is_srgb(picture.info.get("icc_profile")):
                return None
            picture.draft(picture.mode, (side, side))
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _differences(seen: "Pixels", shown: "Pixels", side: int) -> "NDArray[np.int16]":
    """Differences of colour between the two, seen `side` x `side`."""
    import numpy as np

    apart: NDArray[np.int16] = np.abs(scaled(seen, side, side).astype(np.int16) - scaled(shown, side, side))
    return apart


def _is_srgb(profile: bytes | None) -> bool:
    """Whether a profile inside the JPEG, which a PDF ignores and a viewer applies, changes nothing much."""
    return not profile or b"sRGB" in profile or b"s\x00R\x00G\x00B" in profile or profile[16:20] == b"GRAY"
