"""Smears under the microscope: stained cells, blood and germs on a pale ground, by what each absorbs of the light."""

import numpy as np
from alignment.drawn.shapes import Draw, Pixels, clouds, pixels_of
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

Stain = NDArray[np.float64]  # of red, green and blue, how much is absorbed
PURPLE, BLUE = np.array([0.9, 1.3, 0.4]), np.array([1.3, 0.9, 0.35])
CYTOPLASMS = (
    np.array([0.5, 0.15, 0.15]),
    np.array([0.1, 0.45, 0.3]),
    np.array([0.35, 0.3, 0.1]),
    np.array([0.3, 0.45, 0.1]),
)


def draw_smear(draw: Draw) -> Pixels:
    """One of the four, of 140 to 288 pixels a side."""
    if draw.random() < 0.15:
        return _cut_out(draw, int(draw.integers(140, 200)))
    height, width = (int(side) for side in draw.integers(200, 289, 2))
    way = draw.choice([_cells, _blood, _germs], p=[0.55, 0.3, 0.15])
    absorbed = gaussian_filter(way(draw, height, width), (1, 1, 0)) * draw.uniform(0.5, 1.2)
    ground = np.array([draw.uniform(0.72, 1), draw.uniform(0.78, 0.97), draw.uniform(0.82, 1)])
    light = ground * (1 + 0.02 * clouds(draw, height, width, 50))[..., None] * np.exp(-np.minimum(absorbed, 2.5))
    return pixels_of(light + draw.normal(0, 0.012, light.shape))


def _blob(
    draw: Draw, size: tuple[int, int], centre: tuple[float, float], reach: float, dent: float
) -> NDArray[np.float64]:
    """1 inside an uneven round shape."""
    sheet = Image.new("L", (size[1], size[0]))
    turns = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    bends = reach * (1 + sum(draw.uniform(0, dent) * np.cos(n * turns + draw.uniform(0, 6.3)) for n in (1, 2, 3, 5)))
    stretch = draw.uniform(0.7, 1)
    points = zip(centre[0] + bends * np.cos(turns), centre[1] + stretch * bends * np.sin(turns), strict=True)
    ImageDraw.Draw(sheet).polygon(list(points), fill=255)
    return np.asarray(sheet) / 255


def _cells(draw: Draw, height: int, width: int) -> NDArray[np.float64]:
    """Flat cells with a nucleus each, lone or in clumps, and small dark nuclei between."""
    absorbed, size = np.zeros((height, width, 3)), draw.uniform(10, 42)
    nucleus = PURPLE if draw.random() < 0.5 else BLUE
    bodies = [CYTOPLASMS[which] for which in draw.integers(0, len(CYTOPLASMS), 2)]
    clumps = draw.uniform(0, 1, (draw.integers(1, 6), 2)) * (width, height)
    for _ in range(int(draw.uniform(3, 2500 / size))):
        clump = clumps[draw.integers(len(clumps))] + draw.normal(0, size, 2)
        x, y = clump if draw.random() < 0.4 else draw.uniform(0, 1, 2) * (width, height)
        reach = size * draw.uniform(0.6, 1.3)
        body = bodies[int(draw.random() < 0.3)]
        absorbed += draw.uniform(0.15, 0.9) * _blob(draw, (height, width), (x, y), reach, 0.12)[..., None] * body
        core = _blob(draw, (height, width), (x, y), max(2.0, reach * draw.uniform(0.15, 0.55)), 0.08)
        absorbed += draw.uniform(0.5, 1.2) * core[..., None] * nucleus
    for _ in range(draw.integers(0, 80)):
        x, y = draw.uniform(0, 1, 2) * (width, height)
        absorbed += (
            draw.uniform(0.5, 1.2) * _blob(draw, (height, width), (x, y), draw.uniform(2, 4), 0.2)[..., None] * nucleus
        )
    return absorbed


def _blood(draw: Draw, height: int, width: int) -> NDArray[np.float64]:
    """Red cells with pale centres, apart or crowded, and a few white cells with lobed nuclei."""
    absorbed, size = np.zeros((height, width, 3)), draw.uniform(5, 22)
    red = np.array([0.08, draw.uniform(0.3, 0.6), draw.uniform(0.2, 0.5)])
    down, across = np.mgrid[:height, :width]
    pale = draw.uniform(0, 0.8)
    for _ in range(int(draw.uniform(0.1, 0.5) * height * width / size**2)):
        x, y, reach = draw.uniform(0, width), draw.uniform(0, height), size * draw.uniform(0.85, 1.1)
        apart = np.hypot(across - x, (down - y) * draw.uniform(1, 1.15)) / reach
        absorbed += ((apart < 1) * (1 - pale * np.exp(-((apart / 0.45) ** 2))))[..., None] * red * 0.8
    for _ in range(draw.integers(0, 5)):
        x, y, reach = draw.uniform(0, width), draw.uniform(0, height), size * draw.uniform(1.3, 2.2)
        absorbed += 0.4 * _blob(draw, (height, width), (x, y), reach, 0.05)[..., None] * CYTOPLASMS[0]
        for _ in range(draw.integers(1, 5)):
            lobe = (x + draw.normal(0, reach / 3), y + draw.normal(0, reach / 3))
            absorbed += (
                0.8 * _blob(draw, (height, width), lobe, reach * draw.uniform(0.3, 0.6), 0.1)[..., None] * PURPLE
            )
    return absorbed


def _germs(draw: Draw, height: int, width: int) -> NDArray[np.float64]:
    """Rods or balls, in one stain, over the remains of cells."""
    sheet = Image.new("L", (width, height))
    pen, is_rod, size = ImageDraw.Draw(sheet), draw.random() < 0.6, draw.uniform(1.5, 4)
    for _ in range(draw.integers(10, 250)):
        x, y, turn = draw.uniform(0, width), draw.uniform(0, height), draw.uniform(0, 6.3)
        length = size * draw.uniform(2, 6) if is_rod else 0
        for share in np.linspace(0, 1, 6):
            at = (x + share * length * np.cos(turn), y + share * length * np.sin(turn))
            pen.ellipse((at[0] - size, at[1] - size, at[0] + size, at[1] + size), fill=255)
    stain = np.array([draw.uniform(0.2, 1.1), draw.uniform(0.7, 1.2), draw.uniform(0.2, 0.6)])
    absorbed = (np.asarray(sheet) / 255)[..., None] * stain
    for _ in range(draw.integers(0, 12)):
        x, y = draw.uniform(0, 1, 2) * (width, height)
        absorbed = (
            absorbed + 0.5 * _blob(draw, (height, width), (x, y), draw.uniform(10, 40), 0.2)[..., None] * CYTOPLASMS[1]
        )
    return absorbed


def _cut_out(draw: Draw, side: int) -> Pixels:
    """One red cell, perhaps with a parasite in it, cut out of its smear and set on black."""
    middle = (side / 2, side / 2)
    inside = _blob(draw, (side, side), middle, side * draw.uniform(0.33, 0.5), 0.1)
    absorbed = np.array([0.12, draw.uniform(0.35, 0.6), draw.uniform(0.25, 0.5)]) * (
        1 + 0.06 * clouds(draw, side, side, 12)[..., None]
    )
    if draw.random() < 0.5:
        place = (middle[0] + draw.normal(0, side / 8), middle[1] + draw.normal(0, side / 8))
        spot = gaussian_filter(_blob(draw, (side, side), place, side * draw.uniform(0.04, 0.12), 0.3), 2)
        absorbed = absorbed + draw.uniform(0.3, 0.9) * spot[..., None] * PURPLE
    coarse = int(draw.integers(1, 5))  # as cut out at a lower resolution
    inside = inside[::coarse, ::coarse].repeat(coarse, axis=0).repeat(coarse, axis=1)[:side, :side]
    return (255 * np.exp(-absorbed) * (inside > 0.5)[..., None] * draw.uniform(0.85, 1)).astype(np.uint8)
