"""Spectrograms: tones with their overtones, sweeps, clicks and noise over time, in false colours, some with axes."""

import numpy as np
from alignment.drawn.lettering import font_of
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, coloured
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

COLOUR_MAPS = ("inferno", "inferno", "jet", "grey", "inverse", "hot", "rainbow", "blue")


def draw_spectrogram(draw: Draw) -> Pixels:
    """120 to 260 pixels high, frequency upwards."""
    height, width = int(draw.integers(120, 260)), int(draw.integers(180, 400))
    level = np.linspace(1, 0, height)[:, None]  # frequency
    field = draw.uniform(0.05, 0.4) * (1 - level * draw.uniform(0, 1)) + 0.05 * draw.normal(0, 1, (height, width))
    for _ in range(draw.integers(1, 8)):
        field = field + draw.choice([_voice, _voice, _sweep, _click, _hum])(draw, level, width)
    field = gaussian_filter(field, draw.uniform(0.4, 1.2)) + 0.02 * clouds(draw, height, width, 3)
    pixels = coloured(field / max(np.percentile(field, 99.5), 1e-6), str(draw.choice(COLOUR_MAPS)))
    return _with_axes(pixels, draw) if draw.random() < 0.4 else pixels


def _when(draw: Draw, width: int) -> Field:
    """A stretch of time that swells and fades."""
    start, length = draw.uniform(0, 0.9) * width, draw.uniform(0.05, 0.6) * width
    share = (np.arange(width) - start) / length
    return np.where((share > 0) & (share < 1), np.sin(np.pi * np.clip(share, 0, 1)) ** 0.4, 0)[None]


def _voice(draw: Draw, level: Field, width: int) -> Field:
    course = draw.uniform(0.04, 0.15) * (1 + 0.25 * clouds(draw, 1, width, 25)[0])
    formants = sum(np.exp(-(((level - draw.uniform(0.05, 0.8)) / 0.1) ** 2)) for _ in range(3))
    overtones = np.clip(np.cos(2 * np.pi * level / course[None]), 0, 1) ** 3
    return np.asarray(overtones * (0.25 + formants) * np.exp(-2 * level) * _when(draw, width))


def _sweep(draw: Draw, level: Field, width: int) -> Field:
    course = draw.uniform(0.1, 0.9) + draw.uniform(-0.5, 0.5) * np.linspace(0, 1, width) ** draw.uniform(0.5, 3)
    return np.exp(-(((level - course[None]) / draw.uniform(0.01, 0.03)) ** 2)) * _when(draw, width)


def _click(draw: Draw, level: Field, width: int) -> Field:
    field = np.zeros((len(level), width))
    for place in np.arange(draw.uniform(0, 20), width, draw.uniform(8, 60)):
        field[:, int(place) : int(place) + 2] = draw.uniform(0.3, 0.8)
    return field * (1 - level * draw.uniform(0, 1))


def _hum(draw: Draw, level: Field, width: int) -> Field:
    return draw.uniform(0.2, 0.8) * np.exp(-(((level - draw.uniform(0, 1)) / 0.008) ** 2)) * np.ones((1, width))


def _with_axes(pixels: Pixels, draw: Draw) -> Pixels:
    height, width = pixels.shape[:2]
    sheet, font = Image.new("RGB", (width + 60, height + 40), (255, 255, 255)), font_of(draw, 10)
    sheet.paste(Image.fromarray(pixels), (40, 10))
    pen, ink = ImageDraw.Draw(sheet), (0, 0, 0)
    for step in range(5):
        x, y = 40 + step * (width - 1) // 4, 10 + step * (height - 1) // 4
        pen.line((x, height + 10, x, height + 14), fill=ink)
        pen.text((x - 6, height + 15), f"{step * 0.5:.1f}", fill=ink, font=font)
        pen.line((36, y, 40, y), fill=ink)
        pen.text((4, y - 5), f"{(4 - step) * 2000}", fill=ink, font=font)
    pen.text((width // 2, height + 26), "Time [s]", fill=ink, font=font)
    return np.asarray(sheet)
