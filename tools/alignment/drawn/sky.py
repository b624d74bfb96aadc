"""Night skies: stars as the optics spread them, faint nebulae, at times a galaxy; grey, coloured or as a negative."""

import numpy as np
from alignment.drawn.shapes import Draw, Pixels, clouds, grid
from scipy.ndimage import gaussian_filter

HEIGHT = 220


def draw_sky(draw: Draw) -> Pixels:
    """A field of 20 to 1,000 stars."""
    width = int(draw.uniform(200, 288))
    nebula = np.stack([clouds(draw, HEIGHT, width, draw.uniform(15, 40)) for _ in range(3)], axis=-1)
    tint = np.array([draw.uniform(0.2, 1), draw.uniform(0.2, 0.7), draw.uniform(0.2, 1)])
    field = draw.uniform(0, 0.12) + np.clip(nebula, 0, 3) * draw.uniform(0, 0.22) * tint + _stars(draw, width)
    if draw.random() < 0.5:
        field += _galaxy(draw, width)
    if draw.random() < 0.3:
        field = np.repeat(field.mean(axis=-1, keepdims=True), 3, axis=-1)
    field = np.clip(field + draw.normal(0, 0.02, field.shape), 0, 1)
    return (255 * (1 - field if draw.random() < 0.1 else field)).astype(np.uint8)


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
