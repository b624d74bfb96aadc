"""Electrophoresis: bands in the lanes of gels and blots, spots in two dimensions and on arrays."""

import numpy as np
from alignment.drawn.lettering import font_of, word
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, pixels_of
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

Band = tuple[float, float]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
STAINS = ((0.9, 0.6, 0.15), (1.0, 0.55, 0.2), (0.7, 0.9, 0.1), (0.9, 0.75, 0.1))  # what blue dyes absorb
GLOWS = ((1.0, 0.45, 0.15), (0.3, 1.0, 0.3), (1.0, 0.75, 0.85), (0.6, 0.7, 1.0))


def draw_gel(draw: Draw) -> Pixels:
    """One of a gel, strips of a blot, a gel in two dimensions, and spots on an array."""
    way = draw.choice([_gel, _gel, _gel, _blot, _blot, _blot, _spots, _array])
    pixels: Pixels = way(draw)
    return pixels


def _gel(draw: Draw) -> Pixels:
    """Lanes side by side: glowing bands on dark, dark ones on light, or dyed blue."""
    height, width = int(draw.integers(140, 320)), int(draw.integers(140, 360))
    stuff = _lanes(draw, height, width, int(draw.integers(3, 22)))
    way = str(draw.choice(["glow", "glow", "glow", "inverse", "dyed"]))
    pixels = _shown(draw, stuff, way)
    return _lettered(draw, pixels) if draw.random() < 0.5 else pixels


def _lanes(draw: Draw, height: int, width: int, count: int) -> Field:
    """How much there is of what was parted: (height, width), about 0 to 1."""
    down, across = np.mgrid[:height, :width].astype(float)
    pitch = width / (count + draw.uniform(0, 1))
    smile = draw.normal(0, 0.03) * height * ((across / width - 0.5) * 2) ** 2
    down = down + smile + draw.normal(0, 1.0) * clouds(draw, height, width, 30)
    stuff = np.zeros((height, width))
    reach, thick = pitch * draw.uniform(0.3, 0.46), height * draw.uniform(0.004, 0.02)
    bands_of, has_wells = _bands_of_lanes(draw, count), draw.random() < 0.5
    for lane, bands in enumerate(bands_of):
        apart = np.abs(across - (lane + 0.5 + draw.normal(0, 0.03)) * pitch)
        edge = np.clip((reach - apart) / draw.uniform(0.8, 2.5), 0, 1)
        for place, much in bands:
            wide = thick * draw.uniform(0.7, 1.6)
            stuff += much * edge * np.exp(-(((down - place * height) / wide) ** 2))
        if draw.random() < 0.25:  # smeared
            stuff += draw.uniform(0.05, 0.4) * edge * np.exp(-(((down / height - draw.uniform(0.2, 0.9)) / 0.2) ** 2))
        if draw.random() < 0.5:
            stuff += draw.uniform(0, 0.06) * edge
        if has_wells:  # into which what is parted was put
            stuff += draw.uniform(0.1, 0.5) * (apart < reach) * (np.abs(down - 0.04 * height) < 1.5)
    return gaussian_filter(stuff, draw.uniform(0.4, 1.4))


def _bands_of_lanes(draw: Draw, count: int) -> list[list[Band]]:
    """Of each lane where its bands lie and how much is in them: a ladder, many, or some that other lanes have too."""
    ladder = np.sort(draw.uniform(0.12, 0.95, draw.integers(6, 14)))
    shared = draw.uniform(0.15, 0.9, draw.integers(1, 5))
    is_busy = draw.random() < 0.25
    lanes: list[list[Band]] = []
    for lane in range(count):
        if lane in (0, count - 1) and draw.random() < 0.6:
            lanes.append([(place, draw.uniform(0.3, 0.8)) for place in ladder])
        elif is_busy:
            lanes.append([(place, draw.uniform(0.05, 0.9)) for place in draw.uniform(0.08, 0.97, 25)])
        else:
            own = [(place, draw.uniform(0.1, 1)) for place in draw.uniform(0.1, 0.95, draw.integers(0, 3))]
            kept = [place + draw.normal(0, 0.004) for place in shared if draw.random() < 0.8]
            lanes.append([*own, *((place, draw.uniform(0.2, 1.2)) for place in kept)])
    return lanes


def _shown(draw: Draw, stuff: Field, way: str) -> Pixels:
    height, width = stuff.shape
    uneven = 1 + 0.15 * clouds(draw, height, width, 60)
    noise = draw.normal(0, draw.uniform(0.005, 0.04), (height, width))
    if way == "glow":
        field = draw.uniform(0.02, 0.3) * uneven + draw.uniform(0.6, 1.1) * stuff + noise
        tint = np.array(GLOWS[draw.integers(len(GLOWS))]) if draw.random() < 0.25 else np.ones(3)
        return pixels_of(field[..., None] * tint)
    if way == "inverse":
        field = draw.uniform(0.7, 1) * (1 + 0.05 * (uneven - 1)) - draw.uniform(0.6, 1) * stuff + noise
        return pixels_of(np.repeat(field[..., None], 3, axis=-1))
    dye = np.array(STAINS[draw.integers(len(STAINS))])
    absorbed = (draw.uniform(0.03, 0.3) * uneven + draw.uniform(0.8, 1.8) * stuff)[..., None] * dye
    return pixels_of(draw.uniform(0.85, 1) * np.exp(-np.clip(absorbed, 0, None)) + noise[..., None])


def _blot(draw: Draw) -> Pixels:
    """Strips cut out of membranes, one below the other, or one whole membrane."""
    lanes, strips = int(draw.integers(2, 10)), int(draw.integers(1, 7))
    pitch = int(draw.integers(18, 48))
    width = lanes * pitch
    images = [_strip(draw, int(draw.integers(18, 60)), width, lanes) for _ in range(strips)]
    if strips == 1 and draw.random() < 0.7:
        images = [_strip(draw, int(draw.integers(80, 260)), width, lanes)]
    return _mounted(draw, images, pitch)


def _mounted(draw: Draw, images: list[Pixels], pitch: int) -> Pixels:
    """Strips on white, most with names on the left, sizes on the right and the lanes' names above."""
    is_lettered = draw.random() < 0.7
    left, right = (int(draw.integers(30, 80)), 40) if is_lettered else (0, 0)
    gap, top = int(draw.integers(2, 12)), int(draw.integers(14, 40)) if is_lettered else 0
    width = images[0].shape[1]
    sheet = Image.new("RGB", (left + width + right, top + sum(len(image) + gap for image in images)), WHITE)
    pen, font, y = ImageDraw.Draw(sheet), font_of(draw, int(draw.integers(9, 14))), top
    for image in images:
        sheet.paste(Image.fromarray(image), (left, y))
        if draw.random() < 0.5:
            pen.rectangle((left, y, left + width - 1, y + len(image) - 1), outline=BLACK)
        if is_lettered:
            line = y + len(image) // 2 - 6
            pen.text((2, line), word(draw)[:8], fill=BLACK, font=font)
            pen.text((left + width + 4, line), str(draw.integers(10, 250)), fill=BLACK, font=font)
        y += len(image) + gap
    for lane in range(width // pitch if is_lettered else 0):
        text = str(draw.choice(["+", "-", str(lane + 1), word(draw)[:4]]))
        pen.text((left + lane * pitch + pitch // 3, top - 14), text, fill=BLACK, font=font)
    return np.asarray(sheet)


def _strip(draw: Draw, height: int, width: int, lanes: int) -> Pixels:
    down, across = np.mgrid[:height, :width].astype(float)
    pitch, stuff = width / lanes, np.zeros((height, width))
    rows = 1 if height < 70 else int(draw.integers(1, 6))
    for place in draw.uniform(0.25, 0.75, rows) if rows == 1 else np.linspace(0.12, 0.9, rows):
        much, tall = draw.uniform(0.4, 1.6), draw.uniform(2, 6)
        kept = draw.random(lanes)
        for lane in range(lanes):
            x, y = (lane + 0.5) * pitch + draw.normal(0, 1), place * height + draw.normal(0, 1.2)
            bow = draw.normal(0, 2) * ((across - x) / pitch) ** 2
            wide = pitch * draw.uniform(0.28, 0.45)
            body = np.exp(-((np.abs(across - x) / wide) ** draw.uniform(2, 6)))
            stuff += much * kept[lane] * body * np.exp(-(((down - y - bow) / tall) ** 2))
    ground = draw.uniform(0.6, 0.97) * (
        1 + draw.uniform(0.005, 0.06) * clouds(draw, height, width, draw.uniform(3, 20))
    )
    field = ground * np.exp(-1.8 * gaussian_filter(stuff, draw.uniform(0.4, 1.5)))
    field = field + draw.normal(0, draw.uniform(0.005, 0.03), field.shape)
    if draw.random() < 0.12:
        field = 1 - field
    return pixels_of(np.repeat(field[..., None], 3, axis=-1))


def _spots(draw: Draw) -> Pixels:
    """A gel in two dimensions: hundreds of spots, some dragged along."""
    height, width = (int(side) for side in draw.integers(180, 300, 2))
    stuff = np.zeros((height, width))
    for _ in range(draw.integers(40, 350)):
        y, x = int(draw.uniform(0, height)), int(draw.uniform(0, width))
        stuff[y, x] += draw.exponential(40)
    spread = gaussian_filter(stuff, (draw.uniform(1.2, 2.5), draw.uniform(1.5, 4)))
    spread = spread + 0.5 * gaussian_filter(stuff, (1, draw.uniform(6, 20)))
    return _shown(draw, np.minimum(spread, 1.3), str(draw.choice(["inverse", "inverse", "dyed", "glow"])))


def _array(draw: Draw) -> Pixels:
    """Spots in rows and columns: green, red and yellow on black, or dots of a blot on white."""
    pitch = int(draw.integers(6, 22))
    rows, columns = (int(draw.integers(120, 288)) // pitch for _ in range(2))
    height, width = rows * pitch, columns * pitch
    down, across = np.mgrid[:height, :width].astype(float)
    apart = np.hypot(down % pitch - pitch / 2, across % pitch - pitch / 2)
    shape = np.clip((pitch * draw.uniform(0.28, 0.42) - apart) / 1.5, 0, 1)
    red, green, blue = (np.kron(draw.gamma(0.7, 0.6, (rows, columns)), np.ones((pitch, pitch))) for _ in range(3))
    if draw.random() < 0.6:
        light = np.stack([shape * red, shape * green, 0.1 * shape * blue], axis=-1) + 0.02
    else:
        light = np.repeat((draw.uniform(0.8, 1) - shape * np.clip(red, 0, 0.9))[..., None], 3, axis=-1)
    return pixels_of(light + draw.normal(0, 0.02, light.shape))


def _lettered(draw: Draw, pixels: Pixels) -> Pixels:
    """Numbers of lanes above and sizes beside."""
    height, width = pixels.shape[:2]
    left, top = int(draw.integers(20, 50)), int(draw.integers(14, 30))
    sheet = Image.new("RGB", (width + left, height + top), WHITE)
    sheet.paste(Image.fromarray(pixels), (left, top))
    pen, font = ImageDraw.Draw(sheet), font_of(draw, int(draw.integers(8, 13)))
    for number in range(count := int(draw.integers(3, 15))):
        text = str(draw.choice([str(number + 1), "M"], p=[0.9, 0.1]))
        pen.text((left + (number + 0.3) * width / count, 1), text, fill=BLACK, font=font)
    for place in np.sort(draw.uniform(0.1, 0.95, draw.integers(2, 8))):
        pen.text((2, top + place * height - 6), str(draw.integers(1, 300) * 10), fill=BLACK, font=font)
    return np.asarray(sheet)
