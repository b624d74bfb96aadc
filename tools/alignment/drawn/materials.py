"""Micrographs of materials: grains, pores, spheres, fibres, lattices, layers, needles, with a strip of data below."""

import numpy as np
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, coloured, pixels_of
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

HEIGHT = 200
STRIP = 18


def draw_micrograph(draw: Draw) -> Pixels:
    """One of the usual structures in grey, heights that a probe felt, in copper, or rock in polarised light."""
    width, which = int(draw.uniform(200, 290)), draw.random()
    if which < 0.3:
        return _felt(draw, width) if which < 0.2 else _polarised(draw, width)
    way = draw.choice([_bicontinuous, _grains, _spheres, _lattice, _fibres, _layers, _porous, _needles, _ridges])
    field = gaussian_filter(way(draw, width), draw.uniform(0.3, 1.1))
    pixels = coloured(field + draw.normal(0, draw.uniform(0.01, 0.07), field.shape), "grey")
    return _with_strip(pixels, draw) if draw.random() < 0.45 else pixels


def _bicontinuous(draw: Draw, width: int) -> Field:
    rough = clouds(draw, HEIGHT, width, draw.uniform(2, 9))
    return draw.uniform(0.4, 0.8) / (1 + np.exp(-rough * draw.uniform(2, 12))) + 0.15


def _grains(draw: Draw, width: int) -> Field:
    seeds = draw.random((int(draw.uniform(30, 300)), 2)) * [HEIGHT, width]
    apart, nearest = cKDTree(seeds).query(np.indices((HEIGHT, width)).reshape(2, -1).T, k=2)
    border = np.exp(-(((apart[:, 1] - apart[:, 0]).reshape(HEIGHT, width) / 1.5) ** 2))
    shade = draw.uniform(0.35, 0.75, len(seeds))[nearest[:, 0]].reshape(HEIGHT, width)
    return (shade if draw.random() < 0.6 else 0.65) - 0.5 * draw.choice([1, 1, -1]) * border


def _spheres(draw: Draw, width: int) -> Field:
    down, across = np.indices((HEIGHT, width))
    field = np.full((HEIGHT, width), 0.25)
    for _ in range(int(draw.uniform(20, 120))):
        centre, radius = draw.random(2) * [HEIGHT, width], draw.uniform(5, 22)
        share = ((down - centre[0]) ** 2 + (across - centre[1]) ** 2) / radius**2
        field = np.where(share < 1, 0.55 + 0.32 * np.sqrt(share) - 0.1 * share, field)
    return field


def _lattice(draw: Draw, width: int) -> Field:
    down, across = np.indices((HEIGHT, width))
    turn, pitch = draw.uniform(0, 3), draw.uniform(0.35, 1.2)
    turns = [turn + part * np.pi / 3 for part in range(3)]
    waves = sum(np.cos(pitch * (across * np.cos(angle) + down * np.sin(angle))) for angle in turns)
    return 0.3 + 0.13 * waves + 0.06 * clouds(draw, HEIGHT, width, draw.uniform(2, 9))


def _fibres(draw: Draw, width: int) -> Field:
    sheet = Image.new("L", (width, HEIGHT), 40)
    pen = ImageDraw.Draw(sheet)
    for _ in range(int(draw.uniform(30, 150))):
        x, y, course = draw.random() * width, draw.random() * HEIGHT, draw.random() * np.pi
        along, up, shade, thick = 300 * np.cos(course), 300 * np.sin(course), draw.uniform(90, 230), draw.uniform(2, 9)
        pen.line((x - along, y - up, x + along, y + up), fill=int(shade), width=int(thick))
        below = y + thick / 2
        pen.line((x - along, below - up, x + along, below + up), fill=int(shade / 3), width=1)
    return np.asarray(sheet) / 255


def _layers(draw: Draw, width: int) -> Field:
    down = np.indices((HEIGHT, width))[0]
    rough = clouds(draw, HEIGHT, width, draw.uniform(2, 9))
    field = np.full((HEIGHT, width), 0.05)
    for level in np.sort(draw.uniform(0.1, 0.9, draw.integers(2, 5))):
        field = np.where(down > level * HEIGHT + rough * draw.uniform(1, 5), draw.uniform(0.2, 0.9), field)
    return np.where(clouds(draw, HEIGHT, width, draw.uniform(1, 3)) > 1.7, 0.02, field)


def _porous(draw: Draw, width: int) -> Field:
    rough, grain = clouds(draw, HEIGHT, width, draw.uniform(2, 9)), clouds(draw, HEIGHT, width, 2)
    return np.where(rough > draw.uniform(0.2, 1.2), 0.05, 0.6 + 0.04 * grain)


def _needles(draw: Draw, width: int) -> Field:
    sheet = Image.new("L", (width, HEIGHT), 30)
    pen = ImageDraw.Draw(sheet)
    for _ in range(400):
        x, y, course, length = draw.random() * width, draw.random() * HEIGHT, draw.random() * 6.3, draw.uniform(8, 40)
        tip = (x + length * np.cos(course), y + length * np.sin(course))
        pen.polygon(
            [(x, y), tip, (x + 3 * np.cos(course + 1.4), y + 3 * np.sin(course + 1.4))], int(draw.uniform(60, 255))
        )
    return np.asarray(sheet) / 255


def _ridges(draw: Draw, width: int) -> Field:
    """A net of thin walls around hollows, lit from one side."""
    rough = clouds(draw, HEIGHT, width, draw.uniform(5, 14))
    heights = np.exp(-((rough / draw.uniform(0.15, 0.5)) ** 2)) + 0.1 * clouds(draw, HEIGHT, width, 2)
    return draw.uniform(0.4, 0.65) + draw.uniform(0.5, 2) * np.gradient(gaussian_filter(heights, 1))[draw.integers(2)]


def _felt(draw: Draw, width: int) -> Pixels:
    """Loops, grains and steps on a flat ground, with the lines of the scan."""
    sheet = Image.new("L", (width, HEIGHT))
    pen = ImageDraw.Draw(sheet)
    for _ in range(draw.integers(0, 12)):
        turns, reach = np.linspace(0, 2 * np.pi, 40), draw.uniform(10, 40)
        bends = reach * (1 + sum(draw.uniform(0, 0.4) * np.cos(n * turns + draw.uniform(0, 6)) for n in (2, 3, 5)))
        x, y = draw.uniform(0, width), draw.uniform(0, HEIGHT)
        points = list(zip(x + bends * np.cos(turns), y + bends * np.sin(turns), strict=True))
        pen.line(points, fill=int(draw.uniform(130, 255)), width=int(draw.integers(2, 7)))
    for _ in range(draw.integers(0, 60)):
        x, y, reach = draw.uniform(0, width), draw.uniform(0, HEIGHT), draw.uniform(1, 9)
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=int(draw.uniform(80, 255)))
    field = gaussian_filter(np.asarray(sheet) / 255, draw.uniform(0.8, 2.2)) + draw.uniform(0.1, 0.35)
    field += 0.04 * clouds(draw, HEIGHT, width, draw.uniform(2, 20)) + 0.02 * draw.normal(0, 1, (HEIGHT, 1))
    return coloured(field, str(draw.choice(["copper", "copper", "grey", "inferno"])))


def _polarised(draw: Draw, width: int) -> Pixels:
    """Mineral grains of a thin section, each in its interference colour, some with stripes of twins, some dark."""
    seeds = draw.random((int(draw.uniform(15, 250)), 2)) * [HEIGHT, width]
    places = np.indices((HEIGHT, width)) + 2 * np.stack([clouds(draw, HEIGHT, width, 4) for _ in range(2)])
    grain = cKDTree(seeds).query(places.reshape(2, -1).T)[1].reshape(HEIGHT, width)
    delay = draw.uniform(0, draw.uniform(0.4, 2.5), len(seeds))[grain]  # wave lengths of green
    turns, is_twin = draw.uniform(0, 3, len(seeds))[grain], (draw.random(len(seeds)) < 0.25)[grain]
    stripes = np.sin((places[1] * np.cos(turns) + places[0] * np.sin(turns)) * draw.uniform(0.5, 1.5)) > 0
    bright = draw.uniform(0.05, 1, len(seeds))[grain] * np.where(is_twin & stripes, 0.4, 1)
    colours = np.stack([np.sin(np.pi * delay * 550 / length) ** 2 for length in (630, 550, 460)], axis=-1)
    field = (colours * bright[..., None] + 0.03) * (1 + 0.05 * clouds(draw, HEIGHT, width, 1.5))[..., None]
    return pixels_of(field)


def _with_strip(pixels: Pixels, draw: Draw) -> Pixels:
    """With voltage, magnification and a scale bar, as microscopes write them."""
    ground = int(draw.choice([0, 0, 255]))
    strip = np.full((STRIP, pixels.shape[1], 3), ground, np.uint8)
    picture = Image.fromarray(np.concatenate([pixels, strip]))
    pen, ink = ImageDraw.Draw(picture), (255 - ground,) * 3
    words = f"{draw.choice([5, 10, 15, 20, 30])} kV x{draw.integers(1, 90) * 100} {draw.choice([1, 2, 5, 10, 50])} um"
    pen.text((4, picture.height - 15), words, fill=ink)
    pen.rectangle((picture.width - 60, picture.height - 8, picture.width - 12, picture.height - 5), fill=ink)
    return np.asarray(picture)
