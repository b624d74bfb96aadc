"""Views of a training picture: the three that are scored, and three coarser ones that only train."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from medsift.encoders import View

RESAMPLE = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
SIZE = 224
CLOSE_SHARE = 0.6
EXTRA_VIEWS = ("close", "grey", "pressed")


def render(image: Image.Image, view: View) -> NDArray[np.uint8]:
    """A picture as a model sees it: uint8 (size, size, 3)."""
    resample = RESAMPLE[view.resample]
    if view.mode == "crop":
        scale = view.resize / min(image.size)
        width, height = (max(view.size, round(side * scale)) for side in image.size)
        left, top = (width - view.size) // 2, (height - view.size) // 2
        resized = image.resize((width, height), resample)
        seen = resized.crop((left, top, left + view.size, top + view.size))
    else:
        seen = image.resize((view.size, view.size), resample)
    pixels = np.asarray(seen)
    return pixels[:, ::-1] if view.mode == "mirror" else pixels


def render_extra(image: Image.Image, name: str, seed: int) -> NDArray[np.uint8]:
    """A coarser view: a close crop somewhere, grey, or blurred and hard-pressed JPEG: uint8 (224, 224, 3)."""
    if name == "close":
        return np.asarray(_close_crop(image, seed).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    if name == "grey":
        return render(image.convert("L").convert("RGB"), View(SIZE, "crop", resize=232))
    blurred = image.filter(ImageFilter.GaussianBlur(max(image.size) / 200))
    buffer = io.BytesIO()
    blurred.save(buffer, "JPEG", quality=20)
    return render(Image.open(buffer).convert("RGB"), View(SIZE, "squash"))


def _close_crop(image: Image.Image, seed: int) -> Image.Image:
    draw = np.random.default_rng(seed)
    width, height = (max(1, round(side * CLOSE_SHARE)) for side in image.size)
    left, top = (int(draw.integers(0, full - part + 1)) for full, part in zip(image.size, (width, height), strict=True))
    return image.crop((left, top, left + width, top + height))
