"""Industrial radioscopy: welds, castings, parts with holes, drilled cores, and luggage in false colours."""

import numpy as np
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, coloured, ellipse, grid, pixels_of
from scipy.ndimage import gaussian_filter

HEIGHT = 200
LUGGAGE = ((1, 0.6, 0.2), (0.3, 0.7, 0.4), (0.25, 0.4, 0.9), (0.15, 0.2, 0.5))  # organic, mixed, metal, dense


def draw_radioscopy(draw: Draw) -> Pixels:
    """One of the four."""
    width = int(draw.uniform(180, 288))
    way = draw.choice([_weld, _part, _luggage, _core], p=[0.2, 0.35, 0.2, 0.25])
    if way is _luggage:
        return _luggage(draw, width)
    field = way(draw, width)
    field = field + draw.normal(0, draw.uniform(0.005, 0.03), field.shape)
    return coloured(1 - field if draw.random() < 0.3 and way is not _core else field, "grey")


def _weld(draw: Draw, width: int) -> Field:
    place, rough = grid(HEIGHT, width), clouds(draw, HEIGHT, width, 20)
    field = 0.45 + 0.05 * rough + 0.2 * np.exp(-((place[1] + 0.05 * rough) ** 2) / 0.05)
    for _ in range(draw.integers(2, 30)):
        centre, radii = (
            (draw.uniform(-1, 1), draw.normal(0, 0.15)),
            (draw.uniform(0.01, 0.06), draw.uniform(0.01, 0.04)),
        )
        field -= draw.uniform(0.1, 0.4) * ellipse(place, centre, radii)
    return field + 0.25 * gaussian_filter(draw.normal(0, 1, (HEIGHT, width)), (1, 8))


def _part(draw: Draw, width: int) -> Field:
    place = grid(HEIGHT, width)
    field = np.full((HEIGHT, width), 0.85)

    def somewhere() -> tuple[float, float]:
        return draw.uniform(-0.7, 0.7), draw.uniform(-0.7, 0.7)

    for _ in range(draw.integers(2, 7)):
        centre, radii = somewhere(), tuple(draw.uniform(0.15, 0.6, 2))
        body = ellipse(place, centre, radii, draw.random() * 3, 0.02)
        if draw.random() < 0.5:
            body = 1.0 * (np.abs(place[0] - centre[0]) < radii[0]) * (np.abs(place[1] - centre[1]) < radii[1])
        field *= 1 - draw.uniform(0.2, 0.6) * gaussian_filter(body, 1.2)
    for _ in range(draw.integers(0, 6)):
        radius = draw.uniform(0.04, 0.2)
        hole = ellipse(place, somewhere(), (radius, radius * 0.9 * width / HEIGHT), 0, 0.02)
        field = np.where(hole > 0.5, 0.9, field)
    for _ in range(draw.integers(0, 12)):
        field += draw.uniform(0.05, 0.2) * ellipse(place, somewhere(), (0.03, 0.03))
    return gaussian_filter(field, 0.8)


def _core(draw: Draw, width: int) -> Field:
    """A slice through rock, sand, foam or concrete: grains, pores and bright minerals in a round or square holder."""
    rough, size = clouds(draw, HEIGHT, width, draw.uniform(2, 6)), draw.uniform(1.5, 5)
    seams = np.abs(clouds(draw, HEIGHT, width, size)) < draw.uniform(0.05, 0.25)
    field = draw.uniform(0.35, 0.6) + draw.uniform(0.01, 0.08) * clouds(draw, HEIGHT, width, size)
    field = np.where((rough > draw.uniform(0.7, 1.5)) | (seams & (rough > 0)), draw.uniform(0.02, 0.2), field)
    rich = clouds(draw, HEIGHT, width, 15) + 0.5 * clouds(draw, HEIGHT, width, size)
    field = np.where(rich > draw.uniform(1.8, 3), draw.uniform(0.75, 1), field)
    across, down = grid(HEIGHT, width)
    across = across * width / HEIGHT
    reach = draw.uniform(0.8, 1)
    apart = np.hypot(across, down) if draw.random() < 0.7 else np.maximum(abs(across), abs(down))
    holder = np.where(apart < reach * draw.uniform(1, 1.15), draw.uniform(0.02, 0.15), 0.0)
    return np.where(apart < reach, gaussian_filter(field, draw.uniform(0.4, 0.9)), holder)


def _luggage(draw: Draw, width: int) -> Pixels:
    place = grid(HEIGHT, width)
    light = np.ones((HEIGHT, width, 3))
    for _ in range(draw.integers(8, 30)):
        centre, radii = (draw.uniform(-0.7, 0.7), draw.uniform(-0.6, 0.6)), tuple(draw.uniform(0.02, 0.4, 2))
        body = ellipse(place, centre, radii, draw.random() * 3, 0.03)[..., None]
        light *= 1 - body * (1 - np.array(LUGGAGE[draw.integers(len(LUGGAGE))])) * draw.uniform(0.3, 0.9)
    return pixels_of(light + draw.normal(0, 0.01, light.shape))
