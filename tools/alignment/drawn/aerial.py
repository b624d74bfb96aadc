"""The ground from above: fields, roads, houses and trees, by daylight, by night, in grey, or as radar has them."""

import numpy as np
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, pixels_of
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

GROUNDS = (
    (0.35, 0.42, 0.22),
    (0.5, 0.45, 0.3),
    (0.28, 0.36, 0.2),
    (0.6, 0.55, 0.42),
    (0.42, 0.5, 0.28),
    (0.55, 0.5, 0.45),
)
ROOFS = ((150, 80, 60), (200, 195, 190), (120, 120, 125), (90, 70, 60), (230, 230, 230))


def draw_ground(draw: Draw) -> Pixels:
    """200 to 288 pixels a side."""
    height, width = (int(side) for side in draw.integers(200, 289, 2))
    scene = Image.fromarray(pixels_of(_fields(draw, height, width)))
    scale = draw.uniform(0.5, 2)
    _roads(scene, draw, scale)
    _built(scene, draw, scale)
    field = np.asarray(scene) / 255
    field = field * _trees(draw, height, width, scale)[..., None]
    way = draw.choice(["day", "day", "grey", "dark", "radar"])
    if way != "day":
        field = np.repeat(field.mean(axis=-1, keepdims=True), 3, axis=-1)
    if way == "dark":
        field = (field * draw.uniform(0.3, 0.7)) ** draw.uniform(1, 1.8)
    if way == "radar":
        looks = draw.integers(1, 5)
        field = field * draw.gamma(looks, 1 / looks, (height, width, 1)) * draw.uniform(0.5, 1)
    field = gaussian_filter(field, (0.6, 0.6, 0)) + draw.normal(0, 0.015, field.shape)
    return pixels_of(field)


def _fields(draw: Draw, height: int, width: int) -> NDArray[np.float64]:
    """Plots with straight borders, some with rows, or open land."""
    seeds = draw.random((int(draw.integers(2, 25)), 2)) * [height, width]
    nearest = cKDTree(seeds).query(np.indices((height, width)).reshape(2, -1).T, p=draw.choice([1, 2]))[1]
    colours = np.array(GROUNDS)[draw.integers(0, len(GROUNDS), len(seeds))] * draw.uniform(0.8, 1.2, (len(seeds), 1))
    ground = colours[nearest].reshape(height, width, 3)
    down, across = np.mgrid[:height, :width]
    turns, has_rows = draw.uniform(0, 3, len(seeds))[nearest], (draw.random(len(seeds)) < 0.4)[nearest]
    turns, has_rows = turns.reshape(height, width), has_rows.reshape(height, width)
    rows = 0.1 * has_rows * np.sin((across * np.cos(turns) + down * np.sin(turns)) * draw.uniform(0.5, 1.5))
    rough = 0.1 * clouds(draw, height, width, 2) + 0.08 * clouds(draw, height, width, 20)
    return ground * (1 + rows + rough)[..., None]


def _roads(scene: Image.Image, draw: Draw, scale: float) -> None:
    pen, turn = ImageDraw.Draw(scene), draw.uniform(0, 3)
    for _ in range(draw.integers(0, 6)):
        direction = turn + draw.choice([0, 1.57]) + draw.normal(0, 0.1)
        place = draw.uniform(0.1, 0.9, 2) * scene.size
        bend, points = draw.normal(0, 0.004), []
        for step in range(-40, 41):
            course = direction + bend * step
            points.append((place[0] + 10 * step * np.cos(course), place[1] + 10 * step * np.sin(course)))
        grey = int(draw.uniform(90, 200))
        pen.line(points, fill=(grey, grey, grey), width=int(draw.uniform(3, 9) * scale), joint="curve")


def _built(scene: Image.Image, draw: Draw, scale: float) -> None:
    """Houses with a light and a dark side of the roof and a shadow; cars."""
    pen, turn = ImageDraw.Draw(scene), draw.uniform(0, 1.6)
    along, aside = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])

    def box(centre: NDArray[np.float64], half: float, deep: float, fill: tuple[int, ...]) -> None:
        corners = [centre + s * half * along + t * deep * aside for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        pen.polygon([tuple(corner) for corner in corners], fill=fill)

    for _ in range(draw.choice([0, 8, 40])):
        centre = draw.uniform(0, 1, 2) * scene.size
        half, deep = draw.uniform(4, 14) * scale, draw.uniform(3, 9) * scale
        roof = ROOFS[draw.integers(len(ROOFS))]
        box(centre + 3 * scale, half, deep, (30, 32, 30))
        box(centre, half, deep, roof)
        box(centre + deep / 2 * aside, half, deep / 2, tuple(int(part * 0.75) for part in roof))
    for _ in range(draw.choice([0, 0, 30])):
        box(
            draw.uniform(0, 1, 2) * scene.size,
            3 * scale,
            1.5 * scale,
            tuple(int(part) for part in draw.integers(20, 256, 3)),
        )


def _trees(draw: Draw, height: int, width: int, scale: float) -> Field:
    """How much light crowns and their shadows leave."""
    light, wood = np.ones((height, width)), clouds(draw, height, width, 25)
    down, across = np.mgrid[:height, :width]
    for _ in range(draw.choice([0, 40, 250])):
        y, x = draw.integers(0, height), draw.integers(0, width)
        if wood[y, x] < draw.choice([-2, 0.5]):
            continue
        reach = draw.uniform(2, 8) * scale
        part = (
            slice(max(0, int(y - 3 * reach)), int(y + 3 * reach)),
            slice(max(0, int(x - 3 * reach)), int(x + 3 * reach)),
        )
        apart = np.hypot(down[part] - y, across[part] - x) / reach
        light[part] *= 1 - draw.uniform(0.3, 0.6) * (apart < 1) * (0.7 + 0.3 * apart)
    return light
