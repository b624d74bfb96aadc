"""Views of a training picture: those that are scored, rendered as a product run does, and coarser ones to train on."""

import io
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from medsift.encoders import View
from medsift.pictures.views import views as render_views

MAX_PIXELS = 89_000_000
CLOSE_SHARE = 0.6
EXTRA_VIEWS = ("close", "grey", "pressed")
SQUASH = View(224, "squash")
CROP = View(224, "crop", resize=232)

Views = NDArray[np.uint8]  # (views, size, size, 3)


def scored_views(file: Path, wanted: tuple[View, ...]) -> Views:
    """The views of a product run, by its own code."""
    return _render(file.read_bytes(), wanted)


def extra_views(file: Path, seed: int) -> Views:
    """A close crop somewhere, the picture in grey, and the picture blurred and hard-pressed as JPEG."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # the product's code lowers it for the picture in hand
    with Image.open(file) as opened:
        image = opened.convert("RGB")
    close = _render(_encoded(_close_crop(image, seed)), (SQUASH,))
    grey = _render(_encoded(image.convert("L")), (CROP,))
    blurred = image.filter(ImageFilter.GaussianBlur(max(image.size) / 200))
    pressed = _render(_encoded(blurred, "JPEG", quality=20), (SQUASH,))
    return np.concatenate([close, grey, pressed])


def _render(data: bytes, wanted: tuple[View, ...]) -> Views:
    arguments = {"max_pixels": MAX_PIXELS, "views": [asdict(view) for view in wanted]}
    ((_, pixels),) = render_views(arguments, data)
    return np.frombuffer(pixels, np.uint8).reshape(len(wanted), wanted[0].size, wanted[0].size, 3)


def _close_crop(image: Image.Image, seed: int) -> Image.Image:
    draw = np.random.default_rng(seed)
    width, height = (max(1, round(side * CLOSE_SHARE)) for side in image.size)
    left, top = (int(draw.integers(0, full - part + 1)) for full, part in zip(image.size, (width, height), strict=True))
    return image.crop((left, top, left + width, top + height))


def _encoded(image: Image.Image, form: str = "PNG", **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()
