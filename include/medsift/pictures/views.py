"""A picture as models take it: decoded once, less its margins, cut and resized for each view. In the sandbox only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medsift.errors import PictureError
from medsift.pictures.decode import normalised, open_picture
from medsift.pictures.enhance import enhanced
from medsift.pictures.margins import without_margins

SPARE = 2  # a JPEG is decoded at no less than so many times the size that is needed
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def views(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """One item: uint8 RGB pixels of the views one after the other, each (size, size, 3); raises `PictureError`.

    `arguments`: path, max_pixels, views (dictionaries of size, mode, resize, resample, and enhance, the same in
    all).
    """
    wanted = arguments["views"]
    image = open_picture(payload or Path(arguments["path"]).read_bytes(), arguments["max_pixels"])
    side = SPARE * max(max(view["size"], view["resize"]) for view in wanted)
    image.draft(None, (side, side))
    colour = normalised(image)
    if colour.mode != "RGB":
        colour = colour.convert("RGB")
    colour = without_margins(colour)
    if ways := {way for view in wanted for way in view.get("enhance", ())}:
        colour.thumbnail((2 * side, 2 * side))  # local contrast of all of a large picture would take seconds
        colour = enhanced(colour, ways)
    yield {}, seen_as(colour, wanted)


def views_of_files(arguments: dict[str, Any], _: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """For each of `paths` the item of `views`; with `failed`, the reason, and no bytes where there is none."""
    for path in arguments["paths"]:
        try:
            yield from views({**arguments, "path": path}, b"")
        except PictureError as error:
            yield {"failed": error.sentence}, b""


def seen_as(image: Image.Image, wanted: Sequence[Mapping[str, Any]]) -> bytes:
    """Pixels of the views of an RGB image, one after the other."""
    squashed = cache(lambda size, resample: np.asarray(image.resize((size, size), RESAMPLING[resample])))
    return b"".join(_seen(image, squashed, view).tobytes() for view in wanted)


def _seen(image: Image.Image, squashed: Callable[[int, str], Pixels], view: Mapping[str, Any]) -> Pixels:
    if view["mode"] == "crop":
        resample = RESAMPLING[view["resample"]]
        return np.asarray(_central_crop(image, view["resize"] or view["size"], view["size"], resample))
    pixels = squashed(view["size"], view["resample"])
    return pixels[:, ::-1] if view["mode"] == "mirror" else pixels


def _central_crop(image: Image.Image, resize: int, size: int, resample: Image.Resampling) -> Image.Image:
    """The shorter side resized to `resize`, then the centre: the very pixels of torchvision's Resize and CenterCrop.

    Resizing only what is left of the picture would be cheaper and rounds otherwise in one pixel of seven.
    """
    shorter = min(image.size)
    resized = image.resize((int(resize * image.width / shorter), int(resize * image.height / shorter)), resample)
    left, top = round((resized.width - size) / 2), round((resized.height - size) / 2)
    return resized.crop((left, top, left + size, top + size))
