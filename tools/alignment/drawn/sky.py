"""Night skies: stars as the optics spread them, faint nebulae, galaxies; planets, moons and the sun; radio maps."""

import numpy as np
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, coloured, ellipse, grid, pixels_of
from scipy.ndimage import gaussian_filter

HEIGHT = 220
RADIO_COLOURS = ("blue", "inferno", "jet", "grey", "hot")


def draw_sky(draw: Draw) -> Pixels:
    """Stars, a body of the solar system, or radio sources."""
    way = draw.choice([_field, _body, _radio], p=[0.4, 0.38, 0.22])
    pixels: Pixels = way(draw, int(draw.uniform(200, 288)))
    return pixels


def _field(draw: Draw, width: int) -> Pixels:
    """A field of 20 to 1,000 stars, coloured, grey or as a negative."""
    nebula = np.stack([clouds(draw, HEIGHT, width, draw.uniform(15, 40)) for _ in range(3)], axis=-1)
    tint = np.array([draw.uniform(0.2, 1), draw.uniform(0.2, 0.7), draw.uniform(0.2, 1)])
    field = draw.uniform(0, 0.12) + np.clip(nebula, 0, 3) * draw.uniform(0, 0.22) * tint + _stars(draw, width)
    if draw.random() < 0.5:
        field += _galaxy(draw, width)
    if draw.random() < 0.3:
        field = np.repeat(field.mean(axis=-1, keepdims=True), 3, axis=-1)
    field = field + draw.normal(0, 0.02, field.shape)
    return pixels_of(1 - field if draw.random() < 0.1 else field)


def _stars(draw: Draw, width: int) -> np.ndarray:
    count = int(10 ** draw.uniform(1.3, 3))
    light = np.zeros((HEIGHT, width))
    light[draw.integers(0, HEIGHT, count), draw.integers(0, width, count)] = draw.pareto(1.5, count) + 0.2
    light = gaussian_filter(np.minimum(light, 60), draw.uniform(0.6, 1.3)) * draw.uniform(1, 4)
    hue = 1 + 2.4 * gaussian_filter(draw.normal(0, 1, (HEIGHT, width, 3)), (3, 3, 0))
    return np.minimum(light, 2)[..., None] * np.clip(hue, 0.5, 1.5)


def _galaxy(draw: Draw, width: int) -> np.ndarray:
    across, down = grid(HEIGHT, width)
    across, turn = across * width / HEIGHT, draw.uniform(0, 3)
    along = (across * np.cos(turn) + down * np.sin(turn)) / draw.uniform(0.2, 0.5)
    aside = (down * np.cos(turn) - across * np.sin(turn)) / draw.uniform(0.07, 0.35)
    radius, angle = np.hypot(along, aside), np.arctan2(aside, along)
    arms = 1 + draw.uniform(0, 0.8) * np.cos(2 * angle - draw.uniform(3, 7) * np.log(radius + 0.1))
    light = np.exp(-4.4 * np.sqrt(radius + 0.01)) * arms * draw.uniform(2, 8)
    return light[..., None] * np.array([1, draw.uniform(0.75, 1), draw.uniform(0.6, 1)])


def _body(draw: Draw, width: int) -> Pixels:
    """A lit ball on black: cratered and grey, banded, smooth, or the sun."""
    radius, shift = draw.uniform(0.35, 0.97), draw.normal(0, 0.08, 2)
    across, down = (axis / radius for axis in grid(HEIGHT, width))
    across, down = (across - shift[0]) * max(width / HEIGHT, 1), (down - shift[1]) * max(HEIGHT / width, 1)
    depth = np.sqrt(np.clip(1 - across**2 - down**2, 0, 1))
    inside = gaussian_filter(1.0 * (across**2 + down**2 < 1), 0.8)
    way = draw.choice(["cratered", "cratered", "banded", "smooth", "sun"])
    rough = (
        clouds(draw, HEIGHT, width, 14) + 0.6 * clouds(draw, HEIGHT, width, 5) + 0.4 * clouds(draw, HEIGHT, width, 2)
    )
    if way == "sun":
        light, rough = 0.55 + 0.45 * depth, rough * 0.7
    else:
        turn, height = draw.uniform(0, 6.3), draw.uniform(-0.1, 1)
        side = np.sqrt(max(0.0, 1 - height**2))
        light = np.clip(side * (across * np.cos(turn) + down * np.sin(turn)) + height * depth, 0, 1) ** draw.uniform(
            0.4, 1
        )
    if way == "cratered":
        rough = rough + _craters(draw, across, down)
    if way == "banded":
        lean = draw.normal(0, 0.3)
        level = down * np.cos(lean) + across * np.sin(lean) + 0.02 * rough
        rough = 0.3 * rough + 1.5 * sum(np.sin(level * draw.uniform(5, 40) + draw.uniform(0, 6)) for _ in range(4)) / 2
    tints = {
        "cratered": (1, 0.97, 0.93),
        "banded": (1, 0.85, 0.65),
        "smooth": draw.uniform(0.3, 1, 3),
        "sun": (1, 0.5, 0.1),
    }
    tint = np.ones(3) if draw.random() < 0.25 else np.array(tints[way])
    bright = draw.uniform(0.6, 1) * light * inside * (1 + draw.uniform(0.03, 0.3) * rough)
    field = bright[..., None] * tint + 0.3 * _stars(draw, width) * (draw.random() < 0.25) * (1 - inside[..., None])
    return pixels_of(field + draw.normal(0, 0.01, field.shape))


def _craters(draw: Draw, across: Field, down: Field) -> Field:
    field = np.zeros_like(across)
    for _ in range(draw.integers(10, 80)):
        size, turn = 0.02 + 0.15 * draw.random() ** 3, draw.uniform(0, 6.3)
        centre = draw.uniform(0, 0.95) * np.array([np.cos(turn), np.sin(turn)])
        apart = np.hypot(across - centre[0], down - centre[1]) / size
        field += 1.5 * np.exp(-(((apart - 1) / 0.25) ** 2)) - 1.2 * (apart < 0.85)
    return field


def _radio(draw: Draw, width: int) -> Pixels:
    """A few sources as a telescope's beam spreads them, over noise, in false colours."""
    place, field = grid(HEIGHT, width), np.zeros((HEIGHT, width))
    for _ in range(draw.integers(1, 4)):
        centre, turn, size = draw.normal(0, 0.25, 2), draw.uniform(0, 3), draw.uniform(0.03, 0.12)
        for side in (-1, 1) if draw.random() < 0.5 else (0,):
            apart = side * size * draw.uniform(1, 3)
            lobe = (centre[0] + apart * np.cos(turn), centre[1] + apart * np.sin(turn))
            field += draw.uniform(0.4, 1.5) * ellipse(place, lobe, (size, size * draw.uniform(0.5, 1)), turn, 0.8)
    field = field + draw.uniform(0.02, 0.1) * clouds(draw, HEIGHT, width, draw.uniform(2, 6))
    return coloured(field, str(draw.choice(RADIO_COLOURS, p=[0.4, 0.2, 0.1, 0.2, 0.1])))
