"""Angiograms: a tree of vessels filled with contrast, over the shadows of a chest, in the field of a collimator."""

import numpy as np
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, coloured, ellipse, grid
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

SIDE = 240
DEEPEST = 5
STEP = 5  # pixels


def draw_angiogram(draw: Draw) -> Pixels:
    """Dark vessels, or bright ones where the picture was inverted."""
    place = grid(SIDE, SIDE)
    field = draw.uniform(0.4, 0.65) + _shadows(place, draw) if draw.random() < 0.8 else np.full((SIDE, SIDE), 0.6)
    field -= draw.uniform(0.12, 0.5) * _vessels(draw)
    field = gaussian_filter(field, draw.uniform(0.3, 1)) + draw.normal(0, draw.uniform(0.005, 0.04), field.shape)
    return coloured(_collimated(place, 1 - field if draw.random() < 0.15 else field, draw), "grey")


def _shadows(place: tuple[Field, Field], draw: Draw) -> Field:
    """What lies before and behind: the heart, the diaphragm, the spine, ribs; and a catheter."""
    field = draw.uniform(0.02, 0.1) * clouds(draw, SIDE, SIDE, 30) + 0.02 * clouds(draw, SIDE, SIDE, 6)
    field += draw.uniform(-0.15, 0.15) * place[0] + draw.uniform(-0.15, 0.15) * place[1]
    field -= draw.uniform(0, 0.2) * ellipse(place, (draw.uniform(-0.6, 0.6), 1), (0.7, 0.6), 0, 0.1)
    field -= draw.uniform(0, 0.15) * ellipse(place, tuple(draw.normal(0, 0.2, 2)), (0.8, 0.7), draw.random(), 0.1)
    spine = draw.uniform(-1, 1)
    field -= draw.uniform(0, 0.2) * np.exp(-(((place[0] - spine) / 0.2) ** 4))
    slope, pitch = draw.normal(0, 0.5), draw.uniform(9, 16)
    field -= draw.uniform(0, 0.05) * (np.cos(pitch * (place[1] + slope * place[0] ** 2)) > 0.3)
    bend, start = draw.uniform(0.4, 0.8), draw.uniform(-0.6, 0.2)
    ring = np.hypot(place[0] - start, place[1] + 0.1) - bend
    return field - draw.choice([0, 0.15]) * np.exp(-((ring / 0.02) ** 2)) * (place[0] < start + 0.3)


def _collimated(place: tuple[Field, Field], field: Field, draw: Draw) -> Field:
    """Round, cut off at the corners, with soft dark borders, or whole."""
    reach, way = draw.uniform(0.92, 1.05), draw.choice(4)
    if way == 0:
        return np.where(np.hypot(*place) < reach, field, 0)
    if way == 1:
        corners = np.maximum(np.maximum(abs(place[0]), abs(place[1])), (abs(place[0]) + abs(place[1])) / 1.5)
        return field / (1 + np.exp(np.minimum((corners - 0.93 * reach) * 80, 50)))
    if way == 2:
        return field / (1 + np.exp(np.minimum((np.maximum(abs(place[0]), abs(place[1])) - 0.96) * 60, 50)))
    return field


def _vessels(draw: Draw) -> Field:
    sheet = Image.new("F", (SIDE, SIDE))
    pen = ImageDraw.Draw(sheet)
    for _ in range(draw.integers(1, 4)):
        start = (draw.uniform(0.2, 0.8) * SIDE, draw.uniform(0, 0.3) * SIDE)
        _grow(pen, draw, start, draw.uniform(0.5, 2.6), draw.uniform(2, 6), 0)
    return gaussian_filter(np.minimum(np.asarray(sheet, float), 4) / 4, 0.7)


def _grow(
    pen: ImageDraw.ImageDraw, draw: Draw, place: tuple[float, float], course: float, width: float, depth: int
) -> None:
    for _ in range(int(draw.uniform(8, 26))):
        onward = (place[0] + np.cos(course) * STEP, place[1] + np.sin(course) * STEP)
        pen.line((*place, *onward), fill=float(width), width=max(1, round(width)))
        place, course, width = onward, course + draw.normal(0, 0.22), width * 0.992
        if draw.random() < 0.09 and width > 1:
            turn = draw.choice([-1, 1]) * draw.uniform(0.4, 1)
            _grow(pen, draw, place, course + turn, width * 0.65, depth + 1)
    if depth < DEEPEST and width > 0.8:
        for side in (-1, 1):
            _grow(pen, draw, place, course + side * draw.uniform(0.2, 0.6), width * draw.uniform(0.6, 0.85), depth + 1)
