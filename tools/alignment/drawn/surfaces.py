"""Surfaces seen close: rolled, scratched and pitted metal, cracked ground, drops, weaves, sand."""

import numpy as np
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, pixels_of
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter


def draw_surface(draw: Draw) -> Pixels:
    """One of the five, grey or tinted."""
    height, width = (int(side) for side in draw.integers(200, 289, 2))
    way = draw.choice([_metal, _metal, _cracked, _drops, _woven, _ripples])
    field = np.asarray(way(draw, height, width)) + draw.normal(0, draw.uniform(0.01, 0.05), (height, width))
    tint = np.ones(3) if draw.random() < (0.9 if way is _metal else 0.3) else draw.uniform(0.5, 1.2, 3)
    return pixels_of(field[..., None] * tint)


def _metal(draw: Draw, height: int, width: int) -> Field:
    """Rolling marks, and one defect of those that inspection looks for."""
    field = draw.uniform(0.3, 0.75) + 0.08 * draw.random() * clouds(draw, height, width, draw.uniform(20, 60))
    lines = gaussian_filter(draw.normal(0, 1, (height, width)), (draw.uniform(5, 40), draw.uniform(0.4, 2)))
    field = field + draw.uniform(0.01, 0.05) * lines / lines.std()
    sheet = Image.new("L", (width, height))
    pen = ImageDraw.Draw(sheet)
    for _ in range(draw.integers(1, 15)):
        x, y, lean = draw.uniform(0, width), draw.uniform(0, height), draw.normal(0, 6)
        long = draw.uniform(5, 120)
        pen.line((x, y, x + lean, y + long), fill=int(draw.uniform(60, 255)), width=int(draw.integers(1, 6)))
    patches = np.clip(clouds(draw, height, width, draw.uniform(3, 15)) - draw.uniform(0.3, 1.5), 0, 1)
    pits = 1.0 * (clouds(draw, height, width, draw.uniform(0.8, 2)) > draw.uniform(2, 3))
    defect = draw.choice(np.array(["scratch", "patch", "pit"]))
    marks = {"scratch": np.asarray(sheet) / 255, "patch": patches, "pit": pits}[str(defect)]
    return field + draw.choice([-1, -1, 1]) * draw.uniform(0.15, 0.45) * gaussian_filter(marks, 0.8)


def _cracked(draw: Draw, height: int, width: int) -> Field:
    rough = clouds(draw, height, width, draw.uniform(1, 3))
    field = draw.uniform(0.5, 0.75) + 0.06 * rough + 0.05 * clouds(draw, height, width, 25)
    for _ in range(draw.integers(1, 6)):
        edge = np.abs(clouds(draw, height, width, draw.uniform(15, 50)) + draw.normal(0, 0.3))
        field = field - draw.uniform(0.2, 0.5) * np.exp(-((edge / draw.uniform(0.01, 0.04)) ** 2))
    return field


def _drops(draw: Draw, height: int, width: int) -> Field:
    """Drops or bubbles: a dark rim, a highlight on one side."""
    down, across = np.mgrid[:height, :width]
    field = draw.uniform(0.3, 0.7) + 0.1 * clouds(draw, height, width, 60)
    for _ in range(draw.integers(10, 90)):
        x, y, reach = draw.uniform(0, width), draw.uniform(0, height), 2 + 22 * draw.random() ** 2
        apart = np.hypot(across - x, down - y) / reach
        field = field - 0.3 * np.exp(-(((apart - 0.95) / 0.12) ** 2)) + 0.08 * (apart < 0.9)
        shine = np.hypot(across - x + 0.4 * reach, down - y + 0.4 * reach) / reach
        field = field + 0.5 * np.exp(-((shine / 0.2) ** 2))
    return field


def _woven(draw: Draw, height: int, width: int) -> Field:
    down, across = np.mgrid[:height, :width] + 2 * clouds(draw, height, width, 20)
    pitch, turn = draw.uniform(0.15, 0.9), draw.uniform(0, 1.6)
    along, aside = across * np.cos(turn) + down * np.sin(turn), down * np.cos(turn) - across * np.sin(turn)
    threads = np.where(np.sin(along * pitch) * np.sin(aside * pitch) > 0, np.sin(along * pitch), np.sin(aside * pitch))
    return 0.5 + 0.2 * np.abs(threads) + 0.05 * clouds(draw, height, width, 2)


def _ripples(draw: Draw, height: int, width: int) -> Field:
    """Sand, bark or water."""
    down = np.mgrid[:height, :width][0]
    phase = down * draw.uniform(0.1, 0.6) + draw.uniform(1, 4) * clouds(draw, height, width, draw.uniform(10, 30))
    return 0.5 + 0.15 * np.sin(phase) + 0.08 * clouds(draw, height, width, draw.uniform(1, 2))
