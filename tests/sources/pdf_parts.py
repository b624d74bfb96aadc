"""Parts of PDFs that tests make: streams, pictures and pages whose pixels and places are known."""

import io
import re

import numpy as np
import pymupdf
from PIL import Image

RGB8 = "/ColorSpace/DeviceRGB/BitsPerComponent 8"
GRAY8 = "/ColorSpace/DeviceGray/BitsPerComponent 8"
DRAWN = "q 192 0 0 128 50 172 cm /I Do Q"  # what draws picture /I at BOX
BOX = (50, 100, 242, 228)


def scene(width: int = 96, height: int = 64, seed: int = 0) -> np.ndarray:
    """Something with an up, a left and colours: gradients, a red corner, a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(seed).integers(0, 24, (height, width, 3))
    base = np.stack([x * 200 // width, y * 200 // height, (x + y) * 100 // (width + height)], -1) + noise
    base[: height // 4, : width // 4] = (255, 0, 0)
    return base.astype(np.uint8)


def encoded(array: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind, **options)
    return out.getvalue()


def add(document: pymupdf.Document, dictionary: str, data: bytes, *, packed: bool = True) -> int:
    """A stream object; `dictionary` is what stands between << and >>."""
    xref = document.get_new_xref()
    document.update_object(xref, f"<<{dictionary}>>")
    document.update_stream(xref, data, compress=int(packed))
    if not packed:  # update_stream takes the names of filters away
        for key, pattern in (("Filter", r"/\w+|\[[^]]*\]"), ("DecodeParms", r"<<.*?>>")):
            if stated := re.search(rf"/{key}\s*({pattern})", dictionary):
                document.xref_set_key(xref, key, stated[1])
    return int(xref)


def image(document: pymupdf.Document, size: tuple[int, int], extra: str, data: bytes, *, packed: bool = True) -> int:
    head = f"/Type/XObject/Subtype/Image/Width {size[0]}/Height {size[1]}"
    return add(document, f"{head}{extra}", data, packed=packed)


def page(document: pymupdf.Document, content: str, resources: str = "", size: tuple[int, int] = (300, 400)) -> int:
    """A page of that content; `resources` is what stands between << and >>."""
    new = document.new_page(width=size[0], height=size[1])
    document.update_object(content_xref := document.get_new_xref(), "<<>>")
    document.update_stream(content_xref, content.encode())
    document.xref_set_key(new.xref, "Contents", f"{content_xref} 0 R")
    document.xref_set_key(new.xref, "Resources", f"<<{resources}>>")
    return int(new.number)


def with_image(size: tuple[int, int], extra: str, data: bytes, *, packed: bool = True) -> pymupdf.Document:
    """One page with one picture at BOX of the page as displayed."""
    document = pymupdf.open()
    xref = image(document, size, extra, data, packed=packed)
    page(document, DRAWN, f"/XObject<</I {xref} 0 R>>")
    return document


def grid(pieces: list[tuple[np.ndarray, tuple[float, float, float, float]]]) -> pymupdf.Document:
    """Pictures at boxes (x0, y0, x1, y1) of the displayed page."""
    document = pymupdf.open()
    content, names = "", ""
    for index, (array, (x0, y0, x1, y1)) in enumerate(pieces):
        xref = image(document, (array.shape[1], array.shape[0]), RGB8, np.ascontiguousarray(array).tobytes())
        content += f"q {x1 - x0} 0 0 {y1 - y0} {x0} {400 - y1} cm /I{index} Do Q "
        names += f"/I{index} {xref} 0 R"
    page(document, content, f"/XObject<<{names}>>")
    return document


def as_rendered(document: pymupdf.Document, number: int, box: tuple[float, ...]) -> np.ndarray:
    """That part of the page as PyMuPDF shows it."""
    pixmap = document[number].get_pixmap(matrix=pymupdf.Matrix(2, 2), clip=pymupdf.Rect(box), alpha=False)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3).astype(np.int16)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean colour difference of two pictures of any size, seen 16 x 16."""
    small = [
        np.asarray(Image.fromarray(array.astype(np.uint8)).resize((16, 16), Image.Resampling.BOX), np.int16)
        for array in (one, other)
    ]
    return float(np.abs(small[0] - small[1]).mean())
