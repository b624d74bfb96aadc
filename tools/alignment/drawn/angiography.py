"""Angiograms: a tree of vessels filled with contrast, over soft shadows, sometimes in a round field."""

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
    field = 0.6 + 0.12 * clouds(draw, SIDE, SIDE, 30)
    field += 0.15 * draw.uniform(-1, 1) * place[0] + 0.15 * draw.uniform(-1, 1) * place[1]
    if draw.random() < 0.5:
        field += 0.03 * clouds(draw, SIDE, SIDE, 8) - 0.25 * ellipse(
            place, (draw.uniform(-0.6, 0.6), 1), (0.7, 0.6), 0, 0.2
        )
    field -= draw.uniform(0.25, 0.5) * _vessels(draw)
    if draw.random() < 0.3:
        field = gaussian_filter(field, 0.8)
    field += draw.normal(0, draw.uniform(0.01, 0.04), field.shape)
    if draw.random() < 0.35:
        field = np.where(np.hypot(*place) < draw.uniform(0.92, 1.05), field, 0)
    return coloured(1 - field if draw.random() < 0.15 else field, "grey")


def _vessels(draw: Draw) -> Field:
    sheet = Image.new("F", (SIDE, SIDE))
    pen = ImageDraw.Draw(sheet)
    for _ in range(draw.integers(1, 4)):
        start = (draw.uniform(0.2, 0.8) * SIDE, draw.uniform(0, 0.3) * SIDE)
        _grow(pen, draw, start, draw.uniform(0.5, 2.6), draw.uniform(3, 7), 0)
    return gaussian_filter(np.minimum(np.asarray(sheet, float), 4) / 4, 0.7)


def _grow(
    pen: ImageDraw.ImageDraw, draw: Draw, place: tuple[float, float], course: float, width: float, depth: int
) -> None:
    for _ in range(int(draw.uniform(8, 26))):
        onward = (place[0] + np.cos(course) * STEP, place[1] + np.sin(course) * STEP)
        pen.line((*place, *onward), fill=float(width), width=max(1, round(width)))
        place, course, width = onward, course + draw.normal(0, 0.17), width * 0.992
        if draw.random() < 0.09 and width > 1:
            turn = draw.choice([-1, 1]) * draw.uniform(0.4, 1)
            _grow(pen, draw, place, course + turn, width * 0.65, depth + 1)
    if depth < DEEPEST and width > 0.8:
        for side in (-1, 1):
            _grow(pen, draw, place, course + side * draw.uniform(0.2, 0.6), width * draw.uniform(0.6, 0.85), depth + 1)
