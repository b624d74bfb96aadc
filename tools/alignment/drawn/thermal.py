"""Thermal pictures of people, houses, roads and machines: soft, in a camera's false colours, often with its scale."""

import numpy as np
from alignment.drawn.lettering import font_of
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, coloured, ellipse, grid, stroke
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

HEIGHT = 240
CAMERAS = ("inferno", "inferno", "hot", "rainbow", "jet", "grey", "grey", "inverse")


def draw_thermogram(draw: Draw) -> Pixels:
    """One scene, of 180 to 320 pixels across."""
    width = int(draw.integers(180, 321))
    place = grid(HEIGHT, width)
    scene = draw.choice([_people, _house, _road, _machine])
    field = draw.uniform(0.1, 0.3) + 0.04 * clouds(draw, HEIGHT, width, draw.uniform(5, 40)) + scene(place, draw)
    field = gaussian_filter(field, draw.uniform(0.6, 2.2)) + draw.normal(0, draw.uniform(0.002, 0.02), field.shape)
    field = (field - field.min()) / (np.ptp(field) + 1e-9)
    colours = str(draw.choice(CAMERAS))
    sheet = Image.fromarray(coloured(field ** draw.uniform(0.7, 1.3), colours))
    if draw.random() < 0.6:
        _readings(sheet, colours, draw)
    return np.asarray(sheet)


def _people(place: tuple[Field, Field], draw: Draw) -> Field:
    field = 0.15 * (place[1] > draw.uniform(0.2, 0.9))
    for _ in range(draw.integers(1, 5)):
        x, y, size = draw.uniform(-0.8, 0.8), draw.uniform(-0.3, 0.4), draw.uniform(0.25, 0.9)
        warmth, lean = draw.uniform(0.5, 0.9), draw.normal(0, 0.05)
        body = 0.8 * stroke(place, (x, y - 0.1 * size), (x + lean, y + 0.3 * size), 0.1 * size)
        for side in (-1, 1):
            arm, leg = draw.normal(0.2, 0.08) * side, draw.normal(0.1, 0.05) * side
            body += 0.6 * stroke(place, (x, y - 0.15 * size), (x + arm * size, y + 0.25 * size), 0.035 * size)
            body += 0.6 * stroke(place, (x + lean, y + 0.3 * size), (x + leg * size, y + 0.9 * size), 0.05 * size)
        field = np.maximum(
            field, warmth * np.minimum(body + ellipse(place, (x, y - 0.35 * size), (0.09 * size, 0.13 * size)), 1)
        )
    return field


def _box(place: tuple[Field, Field], left: float, top: float, right: float, bottom: float) -> Field:
    return 1.0 * ((place[0] > left) & (place[0] < right) & (place[1] > top) & (place[1] < bottom))


def _house(place: tuple[Field, Field], draw: Draw) -> Field:
    left, right, top = draw.uniform(-1.1, -0.4), draw.uniform(0.4, 1.1), draw.uniform(-0.7, -0.1)
    roof = (place[1] < top) & (place[1] > top - 0.5 + np.abs(place[0] - (left + right) / 2) * draw.uniform(0.3, 0.7))
    field = draw.uniform(0.2, 0.4) * _box(place, left, top, right, 1) + draw.uniform(0.05, 0.3) * roof
    columns, rows = draw.integers(2, 6), draw.integers(1, 4)
    for x in np.linspace(left + 0.1, right - 0.3, columns):
        for y in np.linspace(top + 0.1, 0.6, rows):
            field += draw.uniform(-0.15, 0.5) * _box(place, x, y, x + 0.16, y + 0.22)
    return field - 0.2 * (place[1] < top - 0.5)


def _road(place: tuple[Field, Field], draw: Draw) -> Field:
    """As a car's camera sees it: sky cold, road warm, cars and lamps."""
    horizon, sway = draw.uniform(-0.3, 0.1), draw.normal(0, 0.2)
    depth = np.clip((place[1] - horizon) / (1 - horizon), 0, 1)
    field = 0.35 * (place[1] > horizon) + 0.15 * (np.abs(place[0] - sway * (1 - depth)) < 0.1 + depth)
    for side in (-1, 1):
        tall = horizon - draw.uniform(0.1, 0.7) * np.clip((side * place[0] - draw.uniform(0, 0.4)) * 1.5, 0, 1)
        rough = 0.1 * clouds(draw, *place[0].shape, size=6)
        field += draw.uniform(0.15, 0.35) * ((place[1] + rough > tall) & (place[1] < horizon) & (side * place[0] > 0))
    for _ in range(draw.integers(1, 5)):
        y = horizon + draw.uniform(0.02, 0.5)
        x, size = draw.normal(0, 0.4), 0.08 + 0.4 * (y - horizon)
        field += 0.3 * ellipse(place, (x, y), (size, size * 0.7), 0, 0.1)
        for side in (-1, 1):
            field += 0.4 * ellipse(place, (x + side * size * 0.6, y + size * 0.5), (size * 0.2, size * 0.2))
    return field


def _machine(place: tuple[Field, Field], draw: Draw) -> Field:
    """Housings, pipes, boards with hot parts."""
    field = np.zeros_like(place[0])
    for _ in range(draw.integers(3, 14)):
        left, top = draw.uniform(-1, 0.7, 2)
        field += draw.uniform(-0.1, 0.4) * _box(
            place, left, top, left + draw.uniform(0.1, 0.8), top + draw.uniform(0.1, 0.8)
        )
    for _ in range(draw.integers(0, 6)):
        ends = draw.uniform(-1, 1, 4)
        field += draw.uniform(0.1, 0.6) * stroke(
            place, (ends[0], ends[1]), (ends[2], ends[3]), draw.uniform(0.02, 0.08)
        )
    for _ in range(draw.integers(0, 5)):
        centre = (draw.uniform(-0.8, 0.8), draw.uniform(-0.8, 0.8))
        field += draw.uniform(0.3, 0.9) * ellipse(
            place, centre, (draw.uniform(0.03, 0.2), draw.uniform(0.03, 0.2)), 0, 0.4
        )
    return field


def _readings(sheet: Image.Image, colours: str, draw: Draw) -> None:
    """The colour scale with its ends, the reading at the cross."""
    pen, font = ImageDraw.Draw(sheet), font_of(draw, int(draw.integers(11, 18)))
    low, high = sorted(draw.uniform(-10, 90, 2))
    ink = (255, 255, 255)
    if draw.random() < 0.7:
        bar = coloured(np.linspace(1, 0, 150)[:, None].repeat(10, axis=1), colours)
        sheet.paste(Image.fromarray(bar), (sheet.width - 16, 40))
        pen.text((sheet.width - 40, 22), f"{high:.1f}", fill=ink, font=font)
        pen.text((sheet.width - 40, 196), f"{low:.1f}", fill=ink, font=font)
    else:
        bar = coloured(np.linspace(0, 1, 120)[None].repeat(9, axis=0), colours)
        sheet.paste(Image.fromarray(bar), (sheet.width // 2 - 60, HEIGHT - 18))
        pen.text((4, HEIGHT - 22), f"{low:.0f}°C", fill=ink, font=font)
        pen.text((sheet.width - 44, HEIGHT - 22), f"{high:.0f}°C", fill=ink, font=font)
    pen.text((4, 3), f"{draw.uniform(low, high):.1f} °C", fill=ink, font=font)
    x, y = sheet.width // 2, HEIGHT // 2
    if draw.random() < 0.6:
        pen.line((x - 10, y, x + 10, y), fill=ink)
        pen.line((x, y - 10, x, y + 10), fill=ink)
