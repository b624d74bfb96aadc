"""A picture as models take it: decoded once, cut and resized for each view. Runs in the sandbox child only."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medsift.pictures.decode import normalised, open_picture

SPARE = 2  # a JPEG is decoded at no less than so many times the size that is needed
RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
Box = tuple[float, float, float, float]


def views(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """One item: uint8 RGB pixels of shape (views, size, size, 3); raises `PictureError`.

    `arguments`: path, max_pixels, views (dictionaries of size, mode, resize, resample; of one size).
    """
    wanted = arguments["views"]
    image = open_picture(payload or Path(arguments["path"]).read_bytes(), arguments["max_pixels"])
    side = SPARE * max(max(view["size"], view["resize"]) for view in wanted)
    image.draft(None, (side, side))
    colour = normalised(image).convert("RGB")
    yield {}, np.stack([_seen(colour, view) for view in wanted]).tobytes()


def _seen(image: Image.Image, view: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    size, box = view["size"], None
    if view["mode"] == "crop":
        box = _central_box(image.width, image.height, view["resize"] or size, size)
    resized = image.resize((size, size), RESAMPLING[view["resample"]], box=box)
    pixels = np.asarray(resized)
    return pixels[:, ::-1] if view["mode"] == "mirror" else pixels


def _central_box(width: int, height: int, resize: int, size: int) -> Box:
    """What a resize of the shorter side to `resize` with a central cut of `size` shows, in source pixels.

    Rounds as torchvision's Resize and CenterCrop do, and gives their pixels without making the parts cut off.
    """
    shorter = min(width, height)
    across, down = int(resize * width / shorter), int(resize * height / shorter)
    left, top = round((across - size) / 2), round((down - size) / 2)
    x, y = width / across, height / down
    return left * x, top * y, (left + size) * x, (top + size) * y
