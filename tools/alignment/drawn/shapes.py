"""Shapes, noise and colours that the drawn pictures are made of. Co-ordinates run from -1 to 1, y downwards."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Draw = np.random.Generator
Field = NDArray[np.float64]  # (height, width)
Pixels = NDArray[np.uint8]  # (height, width, 3)
COLOURS = {
    "grey": [(0, 0, 0), (255, 255, 255)],
    "inverse": [(255, 255, 255), (0, 0, 0)],
    "hot": [(0, 0, 0), (180, 0, 0), (255, 120, 0), (255, 230, 60), (255, 255, 255)],
    "inferno": [(0, 0, 4), (60, 9, 110), (140, 30, 110), (220, 60, 50), (250, 150, 10), (250, 250, 160)],
    "blue": [(0, 0, 0), (0, 0, 120), (40, 40, 230), (190, 190, 255), (255, 255, 255)],
    "copper": [(0, 0, 0), (110, 30, 10), (190, 90, 30), (245, 195, 95), (255, 255, 255)],
    "amber": [(0, 0, 0), (90, 60, 5), (190, 140, 30), (250, 220, 110), (255, 255, 230)],
    "jet": [(0, 0, 140), (0, 80, 255), (0, 230, 230), (120, 255, 120), (255, 220, 0), (255, 60, 0), (140, 0, 0)],
    "rainbow": [(0, 0, 0), (60, 0, 160), (0, 80, 255), (0, 220, 160), (200, 240, 0), (255, 120, 0), (255, 255, 255)],
}


def grid(height: int, width: int) -> tuple[Field, Field]:
    """x and y of every pixel."""
    across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    return across, down


def coloured(values: Field, colours: str) -> Pixels:
    """Values from 0 to 1 in a colour map."""
    stops = np.array(COLOURS[colours], float)
    places = np.linspace(0, 1, len(stops))
    channels = [np.interp(np.clip(values, 0, 1), places, stops[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def pixels_of(light: NDArray[np.float64]) -> Pixels:
    """Red, green and blue (height, width, 3) from 0 to 1, cut off beyond."""
    return (255 * np.clip(light, 0, 1)).astype(np.uint8)


def ellipse(
    place: tuple[Field, Field],
    centre: tuple[float, float],
    radii: tuple[float, float],
    turn: float = 0,
    softness: float = 0.15,
) -> Field:
    """1 inside, 0 outside, with a soft border."""
    x, y = place[0] - centre[0], place[1] - centre[1]
    along = (x * np.cos(turn) + y * np.sin(turn)) / radii[0]
    across = (y * np.cos(turn) - x * np.sin(turn)) / radii[1]
    return 1 / (1 + np.exp(np.minimum((np.hypot(along, across) - 1) * 2 / softness, 50)))


def stroke(place: tuple[Field, Field], start: tuple[float, float], end: tuple[float, float], radius: float) -> Field:
    """A line with a bell-shaped profile."""
    (x0, y0), dx, dy = start, end[0] - start[0], end[1] - start[1]
    share = np.clip(((place[0] - x0) * dx + (place[1] - y0) * dy) / (dx * dx + dy * dy + 1e-9), 0, 1)
    apart = (place[0] - x0 - share * dx) ** 2 + (place[1] - y0 - share * dy) ** 2
    return np.exp(-apart / (2 * radius * radius))


def clouds(draw: Draw, height: int, width: int, size: float) -> Field:
    """Smooth noise of unit deviation, with features of about `size` pixels."""
    noise = gaussian_filter(draw.normal(0, 1, (height, width)), size)
    return noise / noise.std()


def counts(field: Field, draw: Draw, level: float) -> Field:
    """As counted: Poisson noise around `level` counts at 1."""
    return draw.poisson(np.clip(field, 0, None) * level) / level
