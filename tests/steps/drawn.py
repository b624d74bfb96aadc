"""Pictures drawn in a look that no model set has seen, and what they stand for."""

from pathlib import Path

import numpy as np
from PIL import Image

DRAWN_SIDE = 96


def drawn_source(folder: Path, number: int, count: int) -> dict[str, str]:
    """Pictures in a look of their own: rings stand for medical ones, stripes for others. Labels by path."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(number)
    tint = draw.uniform(0.5, 1, 3)
    x, y = np.meshgrid(np.linspace(0, 1, DRAWN_SIDE), np.linspace(0, 1, DRAWN_SIDE))
    labels = {}
    for index in range(count):
        centre, angle = draw.uniform(0.3, 0.7, 2), draw.uniform(0, np.pi)
        is_medical = index % 2 == 0
        rings, stripes = np.hypot(x - centre[0], y - centre[1]), np.cos(angle) * x + np.sin(angle) * y
        wave = 0.5 + 0.5 * np.sin(2 * np.pi * ((rings if is_medical else stripes) * draw.uniform(4, 9) + draw.random()))
        pixels = np.clip(wave[..., None] * tint * 255 + draw.normal(0, 6, (DRAWN_SIDE, DRAWN_SIDE, 3)), 0, 255)
        path = folder / f"{index:03d}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        labels[str(path)] = "medical" if is_medical else "non-medical"
    return labels
