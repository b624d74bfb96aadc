"""Maps of lands that are not: relief, coast lines, regions, streets."""

import numpy as np
from alignment.drawn.lettering import font_of, word
from alignment.drawn.shapes import Draw, Field, Pixels, clouds
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion, gaussian_filter

RELIEFS = (
    [(20, 40, 90), (60, 110, 170), (150, 200, 230), (90, 140, 70), (200, 190, 120), (150, 110, 70), (245, 245, 245)],
    [(10, 25, 50), (25, 55, 100), (70, 110, 150), (60, 90, 40), (150, 140, 80), (180, 150, 110), (230, 220, 200)],
    [
        (170, 200, 220),
        (190, 215, 230),
        (210, 230, 240),
        (240, 240, 225),
        (230, 225, 200),
        (215, 200, 170),
        (190, 165, 135),
    ],
)
INKS = ((0, 0, 0), (60, 60, 60), (90, 60, 30), (40, 70, 120))
SOFT = (
    (251, 180, 174),
    (179, 205, 227),
    (204, 235, 197),
    (222, 203, 228),
    (254, 217, 166),
    (255, 255, 204),
    (229, 216, 189),
)


def draw_map(draw: Draw) -> Pixels:
    """One of the four, mostly with names, at times with a graticule."""
    height, width = int(draw.integers(200, 420)), int(draw.integers(240, 480))
    way = draw.choice([_relief, _coast, _regions, _streets])
    sheet = Image.fromarray(way(draw, height, width))
    if draw.random() < 0.35:
        _graticule(sheet, draw)
    if draw.random() < 0.75:
        _places(sheet, draw)
    return np.asarray(sheet)


def _land(draw: Draw, height: int, width: int) -> Field:
    """Heights of unit deviation, rougher the smaller: 0 is the sea's level."""
    size = draw.uniform(30, 80)
    field = sum(share * clouds(draw, height, width, size * share) for share in (1, 0.5, 0.25, 0.12, 0.06, 0.03))
    field = np.asarray(field)
    return field / field.std() + draw.uniform(-0.4, 0.7)


def _relief(draw: Draw, height: int, width: int) -> Pixels:
    land, stops = _land(draw, height, width), np.array(RELIEFS[draw.integers(len(RELIEFS))], float)
    places = [-2.5, -1, -0.02, 0.02, 0.8, 1.6, 3]
    shade = 1 + draw.uniform(0, 1.5) * np.gradient(gaussian_filter(land, 1))[0] * (land > 0)
    channels = [np.interp(land, places, stops[:, channel]) * shade for channel in range(3)]
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def _coast(draw: Draw, height: int, width: int) -> Pixels:
    """Lines alone, or land and sea in two colours; at times contours of the land too."""
    land = _land(draw, height, width)
    sea, ground = (255, 255, 255), (255, 255, 255)
    if draw.random() < 0.5:
        sea, ground = ((200, 222, 240), (240, 236, 220)) if draw.random() < 0.6 else ((235, 235, 235), (200, 200, 200))
    pixels = np.where((land > 0)[..., None], ground, sea).astype(np.uint8)
    levels = [0.0, *np.arange(0.3, 3, 0.3)] if draw.random() < 0.3 else [0.0]
    for level in levels:
        pixels[_border(land > level)] = INKS[draw.integers(len(INKS))] if level == 0 else (150, 110, 80)
    return pixels


def _regions(draw: Draw, height: int, width: int) -> Pixels:
    """Countries or districts, of a colour each, or shaded by a figure."""
    land, count = _land(draw, height, width), int(draw.integers(6, 60))
    down, across = np.mgrid[:height, :width]
    bent = [axis + 8 * clouds(draw, height, width, 12) for axis in (down, across)]
    seeds = draw.uniform(0, 1, (count, 2)) * (height, width)
    nearest = np.argmin([(bent[0] - y) ** 2 + (bent[1] - x) ** 2 for y, x in seeds], axis=0)
    if draw.random() < 0.4:
        low, high = np.array((245, 245, 235.0)), draw.uniform(0, 160, 3)
        colours = low + (high - low) * draw.random((count, 1))
    else:
        colours = np.array(SOFT)[draw.integers(0, len(SOFT), count)]
    is_land = (land > 0) if draw.random() < 0.7 else np.ones_like(land, bool)
    pixels = np.where(is_land[..., None], colours[nearest], (205, 225, 240)).astype(np.uint8)
    edges = (nearest != np.roll(nearest, 1, axis=0)) | (nearest != np.roll(nearest, 1, axis=1))
    pixels[(edges & is_land) | _border(is_land)] = INKS[draw.integers(len(INKS))]
    return pixels


def _streets(draw: Draw, height: int, width: int) -> Pixels:
    """A town's plan: blocks, roads of two widths, a river, parks."""
    is_dark = draw.random() < 0.15
    sheet = Image.new("RGB", (width, height), (38, 40, 46) if is_dark else (242, 239, 233))
    pen = ImageDraw.Draw(sheet)
    for _ in range(draw.integers(1, 6)):
        x, y, side = draw.uniform(0, width), draw.uniform(0, height), draw.uniform(15, 80)
        corners = [(x + side * np.cos(a), y + side * np.sin(a)) for a in np.sort(draw.uniform(0, 6.3, 6))]
        pen.polygon(corners, fill=(45, 60, 48) if is_dark else (205, 235, 176))
    river = np.cumsum(draw.normal(0, 14, 40)) + height * draw.random()
    pen.line(
        [(width * i / 39, y) for i, y in enumerate(river)], fill=(60, 90, 120) if is_dark else (170, 211, 223), width=14
    )
    turn = draw.uniform(0, 1.6)
    for direction in (turn, turn + 1.57 + draw.normal(0, 0.1)):
        for _ in range(draw.integers(6, 25)):
            x, y, bend = draw.uniform(0, width), draw.uniform(0, height), draw.normal(0, 0.08)
            ends = [(x + s * 700 * np.cos(direction + bend), y + s * 700 * np.sin(direction + bend)) for s in (-1, 1)]
            is_main = draw.random() < 0.2
            if not is_dark:
                pen.line(ends, fill=(200, 190, 180), width=9 if is_main else 4)
            road = (90, 92, 100) if is_dark else (252, 214, 164) if is_main else (255, 255, 255)
            pen.line(ends, fill=road, width=7 if is_main else 2)
    return np.asarray(sheet)


def _border(inside: np.ndarray) -> np.ndarray:
    return inside & ~binary_erosion(inside, border_value=1)


def _graticule(sheet: Image.Image, draw: Draw) -> None:
    pen, step, bend = ImageDraw.Draw(sheet), int(draw.integers(35, 90)), draw.uniform(0, 40)
    ink, font = INKS[draw.integers(len(INKS))], font_of(draw, 10)
    arch = np.linspace(-1, 1, 20)
    for place in range(step // 2, sheet.width, step):
        pen.line(
            [(place + bend * (place / sheet.width - 0.5) * a * a, (a + 1) / 2 * sheet.height) for a in arch], fill=ink
        )
        pen.text((place + 2, 1), f"{place // step * 10}°E", fill=ink, font=font)
    for place in range(step // 2, sheet.height, step):
        pen.line([((a + 1) / 2 * sheet.width, place + bend * a * a) for a in arch], fill=ink)
        pen.text((1, place + 1), f"{60 - place // step * 10}°N", fill=ink, font=font)


def _places(sheet: Image.Image, draw: Draw) -> None:
    pen, font = ImageDraw.Draw(sheet), font_of(draw, int(draw.integers(9, 15)))
    is_dark = np.asarray(sheet).mean() < 110
    for _ in range(draw.integers(3, 25)):
        x, y = draw.uniform(0, sheet.width - 30), draw.uniform(0, sheet.height - 10)
        if draw.random() < 0.6:
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=(200, 30, 30))
        pen.text((x + 4, y - 6), word(draw), fill=(255, 255, 255) if is_dark else (20, 20, 20), font=font)
