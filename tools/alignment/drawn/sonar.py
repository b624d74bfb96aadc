"""Sonar: the sea floor on both sides of a towed sonar, the fan of one that looks ahead, and echoes below a ship."""

import numpy as np
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, coloured
from scipy.ndimage import gaussian_filter, map_coordinates

SIDE_COLOURS = ("grey", "grey", "copper", "copper", "copper", "amber", "amber", "blue")


def draw_sonar(draw: Draw) -> Pixels:
    """One of the three."""
    pixels: Pixels = draw.choice([_sides, _sides, _sides, _fan, _fan, _below])(draw)
    return pixels


def _floor(draw: Draw, height: int, width: int) -> Field:
    """Echo strength of the floor: sand, ripples and rocks with shadows away from the sonar (to the right)."""
    field = 0.4 + 0.1 * clouds(draw, height, width, draw.uniform(10, 60)) + 0.05 * clouds(draw, height, width, 3)
    if draw.random() < 0.5:
        down, across = np.mgrid[:height, :width]
        turn, pitch = draw.uniform(0, 3.14), draw.uniform(0.2, 1)
        phase = (across * np.cos(turn) + down * np.sin(turn)) * pitch + 2 * clouds(draw, height, width, 25)
        field = field + draw.uniform(0.03, 0.15) * np.sin(phase) * (
            clouds(draw, height, width, 50) > draw.normal(0, 0.7)
        )
    if draw.random() < 0.35:
        rough = np.clip(clouds(draw, height, width, draw.uniform(2, 5)) - 0.3, 0, 1) * (
            clouds(draw, height, width, 40) > 0.3
        )
        field = field + 0.5 * rough - 0.5 * np.roll(rough, 5, axis=1)
    for _ in range(draw.integers(0, 6)):
        field = _target(draw, field)
    return field


def _target(draw: Draw, field: Field) -> Field:
    """A bright thing with a dark shadow behind it."""
    height, width = field.shape
    down, across = np.mgrid[:height, :width].astype(float)
    x, y, size = draw.uniform(0.1, 0.8) * width, draw.uniform(0, 1) * height, draw.uniform(2, 18)
    turn, stretch = draw.uniform(0, 3.14), draw.uniform(1, 6)
    along = ((across - x) * np.cos(turn) + (down - y) * np.sin(turn)) / (size * stretch)
    aside = ((down - y) * np.cos(turn) - (across - x) * np.sin(turn)) / size
    power = float(draw.choice([2, 2, 8]))
    body = (np.abs(along) ** power + np.abs(aside) ** power) < 1
    shadow = np.zeros_like(body)
    for shift in range(1, int(size * draw.uniform(1, 4)) + 2):
        shadow |= np.roll(body, shift, axis=1)
    field = np.where(shadow, 0.06, field)
    return np.where(body, field + draw.uniform(0.3, 0.8), field)


def _speckled(draw: Draw, field: Field) -> Field:
    looks = draw.uniform(1.5, 8)
    return np.clip(field, 0, None) * gaussian_filter(draw.gamma(looks, 1 / looks, field.shape), draw.uniform(0, 0.8))


def _sides(draw: Draw) -> Pixels:
    """One side or both; the dark stripe between is the water below the sonar."""
    height, width = int(draw.integers(180, 300)), int(draw.integers(90, 170))
    depth = gaussian_filter(draw.uniform(0.05, 0.3) + 0.04 * clouds(draw, 1, height, 30)[0], 2)[:, None] * width
    field = _side(draw, depth, height, width)
    if draw.random() < 0.6:
        field = np.concatenate([_side(draw, depth, height, width)[:, ::-1], field], axis=1)
        field[:, width - 1 : width + 1] = draw.choice([0.0, 0.9])
    field = field * (1 + draw.uniform(0, 0.15) * draw.normal(0, 1, (height, 1)))  # from ping to ping
    pixels = coloured(field * draw.uniform(0.8, 1.8), str(draw.choice(SIDE_COLOURS)))
    return np.ascontiguousarray(np.rot90(pixels)) if draw.random() < 0.3 else pixels


def _side(draw: Draw, depth: Field, height: int, width: int) -> Field:
    across = np.arange(width)[None]
    floor = _floor(draw, height, width) * np.exp(-draw.uniform(0, 1.2) * across / width)
    first_echo = 0.3 * np.exp(-(((across - depth) / 4) ** 2))
    return _speckled(draw, np.where(across < depth, draw.uniform(0.01, 0.08), floor + first_echo))


def _fan(draw: Draw) -> Pixels:
    """Looking ahead: ranges and bearings bent into a fan on black, or as they come."""
    ranges, bearings = int(draw.integers(180, 280)), int(draw.integers(90, 200))
    floor = _floor(draw, bearings, ranges).T  # range downwards: shadows lie behind things
    near = np.linspace(0, 1, ranges)[:, None]
    strength = draw.uniform(0.3, 1.2) * (near > draw.uniform(0, 0.3)) * np.exp(-near * draw.uniform(0, 1.5))
    field = _speckled(draw, floor * strength)
    colours = str(draw.choice(("grey", "copper", "copper", "amber", "blue", "hot", "jet")))
    if draw.random() < 0.2:
        return coloured(field[::-1], colours)
    half = np.radians(draw.uniform(22, 65))
    width = int(2 * np.sin(half) * ranges) + 2
    across, up = np.meshgrid(np.arange(width) - width / 2, ranges - np.arange(ranges))
    distance, bearing = np.hypot(across, up), np.arctan2(across, up)
    spots = np.stack([distance / ranges * (ranges - 1), (bearing / half + 1) / 2 * (bearings - 1)])
    bent = map_coordinates(field, spots, order=1, cval=0.0)
    inside = (distance <= ranges) & (np.abs(bearing) <= half)
    pixels = coloured(np.where(inside, bent, 0), colours)
    ground = np.array(draw.choice([0, 0, 0, 255]), np.uint8)
    return np.where(inside[..., None], pixels, ground).astype(np.uint8)


def _below(draw: Draw) -> Pixels:
    """An echogram: water with layers and schools of fish over the line of the floor."""
    height, width = int(draw.integers(120, 240)), int(draw.integers(180, 340))
    down = np.arange(height)[:, None]
    floor, layer = (
        height * (draw.uniform(low, high) + 0.05 * clouds(draw, 1, width, 30)[0])[None]
        for low, high in ((0.6, 0.9), (0.1, 0.6))
    )
    field = 0.06 + 0.05 * np.abs(clouds(draw, height, width, 1.2))
    field = field + 0.9 * np.exp(-np.abs(down - floor) / draw.uniform(2, 8))
    field = field + np.where(down > floor, 0.5 * np.exp(-(down - floor) / draw.uniform(10, 60)), 0)
    plankton = np.exp(-(((down - layer) / draw.uniform(4, 20)) ** 2)) * np.abs(clouds(draw, height, width, 1.5))
    schools = np.clip(clouds(draw, height, width, draw.uniform(3, 9)) - draw.uniform(1.5, 2.5), 0, 1)
    schools = schools * (down < floor - 5)
    field = _speckled(draw, field + draw.uniform(0, 0.4) * plankton + draw.uniform(0.3, 1.5) * schools)
    field[: int(draw.integers(1, 6))] = 1  # the pulse itself
    return coloured(field, str(draw.choice(("jet", "rainbow", "inverse", "grey", "copper", "rainbow"))))
