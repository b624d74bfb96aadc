"""Views of a training picture: those that are scored, rendered as a product run does, and rougher ones to train on.

The training pictures are small and re-compressed, the world's are not: so each is also seen as a part of itself, and
spoilt in one of the ways in which pictures reach documents.
"""

import io
from dataclasses import asdict
from pathlib import Path

import numpy as np
from alignment.drawn.lettering import arrow, font_of
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from medsift.encoders import View
from medsift.pictures.views import views as render_views

MAX_PIXELS = 89_000_000
LONGEST = 640
SIDE, RESIZED = 288, 300
EXTRA_VIEWS = ("close", "spoilt")
BICUBIC = Image.Resampling.BICUBIC
TURNS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270, Image.Transpose.FLIP_TOP_BOTTOM)
GROUNDS = ((255, 255, 255), (0, 0, 0), (240, 240, 240), (30, 30, 34))
INKS = ((255, 255, 255), (0, 0, 0), (255, 255, 0), (220, 30, 30))
MARKS = ("a", "b", "c", "d", "A", "B", "C", "D", "(a)", "R", "L", "Fig. 1", "12/03/2014")

Views = NDArray[np.uint8]  # (views, size, size, 3)
Draw = np.random.Generator


def scored_views(file: Path, wanted: tuple[View, ...]) -> Views:
    """The views of a product run, by its own code."""
    arguments = {"max_pixels": MAX_PIXELS, "views": [asdict(view) for view in wanted]}
    ((_, pixels),) = render_views(arguments, file.read_bytes())
    return np.frombuffer(pixels, np.uint8).reshape(len(wanted), wanted[0].size, wanted[0].size, 3)


def extra_views(file: Path, seed: int) -> Views:
    """A close crop, perhaps mirrored, tinted or grey; and the picture spoilt. The same seed gives the same views."""
    image = opened(file)
    draw = np.random.default_rng([seed, 11])
    return np.stack([_close(image, draw), _spoilt(image, draw)])


def opened(file: Path) -> Image.Image:
    """In RGB, no longer than `LONGEST` pixels."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # the product's code lowers it for the picture in hand
    with Image.open(file) as encoded:
        image = encoded.convert("RGB")
    if max(image.size) > LONGEST:
        image.thumbnail((LONGEST, LONGEST), BICUBIC)
    return image


def squashed(image: Image.Image) -> Views:
    """One view, of the whole picture: (size, size, 3)."""
    return np.asarray(image.resize((SIDE, SIDE), BICUBIC))


def _close(image: Image.Image, draw: Draw) -> Views:
    part = _part(image, draw, draw.uniform(0.45, 0.9))
    if draw.random() < 0.5:
        part = ImageOps.mirror(part)
    if draw.random() < 0.4:
        part = _tinted(part, draw)
    elif draw.random() < 0.3:
        part = part.convert("L").convert("RGB")
    return squashed(part) if draw.random() < 0.7 else _cut(part)


def _spoilt(image: Image.Image, draw: Draw) -> Views:
    way = draw.choice(["pressed", "low", "framed", "grey", "invert", "marked"], p=[0.2, 0.2, 0.2, 0.15, 0.1, 0.15])
    if way == "pressed":
        blurred = image.filter(ImageFilter.GaussianBlur(max(image.size) / draw.uniform(120, 300)))
        return squashed(_pressed(blurred, int(draw.integers(12, 40))))
    if way == "framed":
        return squashed(_framed(image, draw))
    if way == "grey":
        return squashed(image.convert("L").convert("RGB"))
    if way == "invert":
        return squashed(ImageOps.invert(image))
    if way == "marked":
        return squashed(_marked(image, draw))
    return squashed(_turned_and_small(image, draw))


def _cut(image: Image.Image) -> Views:
    shorter = min(image.size)
    resized = image.resize((int(RESIZED * image.width / shorter), int(RESIZED * image.height / shorter)), BICUBIC)
    left, top = round((resized.width - SIDE) / 2), round((resized.height - SIDE) / 2)
    return np.asarray(resized.crop((left, top, left + SIDE, top + SIDE)))


def _part(image: Image.Image, draw: Draw, share: float) -> Image.Image:
    width, height = (max(1, round(side * share)) for side in image.size)
    left, top = int(draw.integers(0, image.width - width + 1)), int(draw.integers(0, image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def _tinted(image: Image.Image, draw: Draw) -> Image.Image:
    values = np.asarray(image).astype(np.float32)
    values = values * draw.uniform(0.65, 1.25, 3) + draw.uniform(-25, 25)
    gamma = draw.uniform(0.6, 1.6)
    return Image.fromarray((255 * (np.clip(values, 0, 255) / 255) ** gamma).astype(np.uint8))


def _framed(image: Image.Image, draw: Draw) -> Image.Image:
    """With a margin and perhaps a mark, as panels of figures have them."""
    ground = GROUNDS[int(draw.choice(4, p=[0.5, 0.25, 0.15, 0.1]))]
    margins = [int(draw.uniform(0.02, 0.18) * side) for side in (image.width, image.height, image.width, image.height)]
    sheet = Image.new("RGB", (image.width + margins[0] + margins[2], image.height + margins[1] + margins[3]), ground)
    sheet.paste(image, (margins[0], margins[1]))
    ink = (0, 0, 0) if ground[0] > 100 else (255, 255, 255)
    if draw.random() < 0.7:
        place = (int(draw.uniform(1, margins[0] + 8)), int(draw.uniform(1, margins[1] + 8)))
        mark = str(draw.choice(MARKS))
        ImageDraw.Draw(sheet).text(place, mark, fill=ink if draw.random() < 0.6 else (255, 255, 0))
    return sheet


def _marked(image: Image.Image, draw: Draw) -> Image.Image:
    """With arrows, rings and letters, as authors point things out."""
    marked, (width, height) = image.copy(), image.size
    pen, ink = ImageDraw.Draw(marked), INKS[draw.integers(len(INKS))]
    thick, reach = max(1, round(max(image.size) / draw.uniform(60, 150))), max(image.size) / draw.uniform(5, 12)
    for _ in range(draw.integers(1, 5)):
        x, y, turn = draw.uniform(0.1, 0.9) * width, draw.uniform(0.1, 0.9) * height, draw.uniform(0, 2 * np.pi)
        way = draw.choice(["arrow", "arrow", "ring", "letter"])
        if way == "arrow":
            arrow(pen, (x + reach * np.cos(turn), y + reach * np.sin(turn)), (x, y), ink, thick)
        elif way == "ring":
            pen.ellipse((x - reach / 2, y - reach / 2, x + reach / 2, y + reach / 2), outline=ink, width=thick)
        else:
            pen.text((x, y), str(draw.choice(MARKS)), fill=ink, font=font_of(draw, max(8, round(reach / 2))))
    return marked


def _turned_and_small(image: Image.Image, draw: Draw) -> Image.Image:
    turn = TURNS[draw.integers(0, len(TURNS))]
    if turn is not None:
        image = image.transpose(turn)
    share = draw.uniform(56, 150) / max(image.size)
    if share < 1:
        image = image.resize((max(8, int(image.width * share)), max(8, int(image.height * share))), BICUBIC)
    return _pressed(image, int(draw.integers(40, 95)))


def _pressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")
