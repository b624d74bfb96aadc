"""Depth maps: how far each point of a scene is, near ones light or dark, in grey or false colours, with holes."""

import numpy as np
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, coloured
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, median_filter

COLOUR_MAPS = ("grey", "grey", "grey", "grey", "inverse", "inverse", "jet", "jet", "inferno", "hot", "rainbow")


def draw_depth_map(draw: Draw) -> Pixels:
    """A room, a street or a table with things, 140 to 300 pixels a side."""
    height, width = int(draw.integers(140, 260)), int(draw.integers(180, 300))
    near = draw.choice([_room, _street, _table])(draw, height, width)  # 1 / distance, up to 1
    for _ in range(draw.integers(1, 10)):
        near = _thing(draw, near)
    for _ in range(draw.integers(0, 3) if draw.random() < 0.5 else 0):
        near = _person(draw, near)
    sharp = draw.random() < 0.6
    near = near + 0.01 * clouds(draw, height, width, 2) * near if sharp else gaussian_filter(near, draw.uniform(1, 4))
    if draw.random() < 0.3:
        levels = draw.integers(8, 40)
        near = np.round(near * levels) / levels
    near = (near - np.percentile(near, 1)) / max(np.percentile(near, 99) - np.percentile(near, 1), 1e-3)
    pixels = coloured(
        near if draw.random() < 0.6 else np.clip(near, 0, 1) ** draw.uniform(0.5, 1.6), str(draw.choice(COLOUR_MAPS))
    )
    return _with_holes(draw, pixels, near) if draw.random() < 0.4 else pixels


def _room(draw: Draw, height: int, width: int) -> Field:
    """Two or three walls, floor and ceiling: the nearest surface along each line of sight."""
    across, down = np.meshgrid(np.linspace(-1.3, 1.3, width), np.linspace(-1, 1, height))
    x, y = across - draw.uniform(-0.6, 0.6), down - draw.uniform(-0.4, 0.4)
    walls = [np.abs(x) / draw.uniform(0.8, 2.5), y / draw.uniform(0.6, 1.5), -y / draw.uniform(0.8, 2)]
    back = draw.uniform(0.12, 0.4) + draw.uniform(-0.1, 0.1) * x
    return np.maximum.reduce([*walls, back])


def _street(draw: Draw, height: int, width: int) -> Field:
    across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(0, 1, height))
    horizon = draw.uniform(0.3, 0.6)
    ground = np.clip(down - horizon, 0, None) * draw.uniform(1, 2)
    sides = np.clip(np.abs(across - draw.uniform(-0.3, 0.3)) - draw.uniform(0.1, 0.5), 0, None) * draw.uniform(0.3, 1.2)
    above = (down > horizon - draw.uniform(0.1, 0.6)) | (np.abs(across) > draw.uniform(0.4, 1))
    return np.maximum(ground, sides * above) + 0.01


def _table(draw: Draw, height: int, width: int) -> Field:
    down = np.linspace(0, 1, height)[:, None] * np.ones((1, width))
    lean = np.linspace(-1, 1, width)[None] * draw.uniform(-0.2, 0.2)
    return draw.uniform(0.1, 0.6) + down * draw.uniform(0, 0.5) + lean


def _thing(draw: Draw, near: Field) -> Field:
    """A box, a ball or a pole before what lies behind it."""
    height, width = near.shape
    x, y = draw.uniform(0, width), draw.uniform(0.3, 1) * height
    wide, tall = draw.uniform(0.03, 0.25) * width, draw.uniform(0.05, 0.4) * height
    down, across = np.mgrid[:height, :width].astype(float)
    here = near[min(int(y), height - 1), min(int(x), width - 1)]
    at = here + draw.uniform(0.02, 0.4)
    shape = draw.choice(["box", "ball", "pole", "uneven"])
    inside = (np.abs(across - x) < wide) & (np.abs(down - y) < tall)
    value = at + draw.uniform(-0.15, 0.15) * (across - x) / wide * inside
    if shape == "ball":
        round_ = 1 - ((across - x) / wide) ** 2 - ((down - y) / tall) ** 2
        inside, value = round_ > 0, at + 0.1 * np.sqrt(np.clip(round_, 0, None))
    elif shape == "pole":
        inside = (np.abs(across - x) < 0.15 * wide) & (down < y)
    elif shape == "uneven":
        inside = inside & (clouds(draw, height, width, 12) > -0.3)
    return np.where(inside & (value > near), value, near)


def _person(draw: Draw, near: Field) -> Field:
    height, width = near.shape
    sheet = Image.new("L", (width, height))
    pen, size = ImageDraw.Draw(sheet), height * draw.uniform(0.3, 0.9)
    x, top = draw.uniform(0.1, 0.9) * width, height - size * draw.uniform(0.7, 1.1)
    head = size * 0.08
    pen.ellipse((x - head, top, x + head, top + 2.4 * head), fill=255)
    pen.rounded_rectangle((x - 2 * head, top + 2.5 * head, x + 2 * head, top + 0.55 * size), 8, fill=255)
    for side in (-1, 1):
        hand = x + side * size * draw.uniform(0.15, 0.4)
        pen.line(
            (x + side * 2 * head, top + 3 * head, hand, top + size * draw.uniform(0.2, 0.6)),
            fill=255,
            width=int(head) + 1,
        )
        pen.line(
            (x + side * head, top + 0.5 * size, x + side * size * 0.12, top + size), fill=255, width=int(1.3 * head) + 1
        )
    inside = np.asarray(sheet) > 0
    soft = gaussian_filter(inside.astype(float), 0.03 * height)
    return np.where(inside, near.max() * draw.uniform(0.5, 1.1) + 0.1 * soft, near)


def _with_holes(draw: Draw, pixels: Pixels, near: Field) -> Pixels:
    """Where the sensor saw nothing: beside edges and in spots."""
    height, width = near.shape
    edges = np.abs(np.diff(near, axis=1, prepend=near[:, :1])) > 0.04
    shadow = (
        gaussian_filter(np.roll(edges.astype(float), int(draw.integers(-4, 5)), axis=1), (0.5, draw.uniform(1, 4)))
        > 0.12
    )
    spots = clouds(draw, height, width, draw.uniform(1.5, 8)) > draw.uniform(1.6, 3)
    lost = median_filter((shadow | spots).astype(np.uint8), 3) > 0
    return np.where(lost[..., None], np.uint8(0), pixels)
