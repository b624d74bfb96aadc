"""Scintigrams, SPECT and PET: few counts, soft shapes, hot spots, in grey or false colours."""

import numpy as np
from alignment.drawn.lettering import arrow, font_of
from alignment.drawn.shapes import Draw, Field, Pixels, clouds, coloured, counts, ellipse, grid, stroke
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

FALSE_COLOURS = ("inferno", "hot", "jet", "rainbow", "grey", "inverse", "inverse")
SIDE = 200
WORDS = ("WRIST", "Elbow", "INJ", "KNEE", "ANT", "POST", "L", "R")
# Half a body: long bones (x0, y0, x1, y1, uptake) and joints (x, y, uptake).
BONES = (
    (0.15, -0.62, 0.22, -0.2, 0.35),
    (0.22, -0.2, 0.24, 0.1, 0.3),
    (0.09, 0.1, 0.1, 0.48, 0.45),
    (0.1, 0.52, 0.1, 0.9, 0.4),
)
JOINTS = ((0.15, -0.63, 0.8), (0.22, -0.2, 0.5), (0.1, 0.5, 0.7), (0.1, 0.92, 0.6), (0.24, 0.12, 0.5))
LIMBS = (
    (0.17, -0.6, 0.24, -0.1, 0.04),
    (0.24, -0.1, 0.25, 0.15, 0.03),
    (0.08, 0.1, 0.1, 0.5, 0.055),
    (0.1, 0.5, 0.1, 0.92, 0.035),
)


def draw_scintigram(draw: Draw) -> Pixels:
    """One of the usual examinations."""
    way = draw.choice(
        [
            _whole_body,
            _whole_body,
            _whole_body_pet,
            _kidneys,
            _brain,
            _heart,
            _thyroid,
            _lungs,
            _slice,
            _limbs,
            _limbs,
            _limbs,
        ]
    )
    pixels: Pixels = way(draw)
    return pixels


def _whole_body(draw: Draw) -> Pixels:
    """A bone scan, from front and back."""
    front = _soft_body(draw) + _skeleton(draw) + _spots(draw)
    back = front[:, ::-1] * draw.uniform(0.8, 1.1) + 0.2 * _spots(draw)
    return _shown(np.concatenate([front, back], axis=1), draw, ("inverse", "inverse", "grey", "hot"))


def _whole_body_pet(draw: Draw) -> Pixels:
    place = _body_place()
    body = _soft_body(draw) + 1.6 * ellipse(place, (0, -0.88), (0.06, 0.07)) + _spots(draw)
    body += draw.uniform(0.2, 1.2) * ellipse(place, (0.03, -0.45), (0.05, 0.05))  # heart
    body += 0.5 * ellipse(place, (-0.06, -0.27), (0.1, 0.07))  # liver
    body += draw.uniform(0.6, 1.8) * ellipse(place, (0, 0.13), (0.04, 0.03))  # bladder
    return _shown(body + _two_kidneys(draw, place), draw, ("inverse", "inverse", "grey", "hot"))


def _body_place() -> tuple[Field, Field]:
    across, down = grid(320, 110)
    return across * 110 / 320, down


def _soft_body(draw: Draw) -> Field:
    place = _body_place()
    body = 0.35 * ellipse(place, (0, -0.25), (0.17, 0.38)) + 0.5 * ellipse(place, (0, -0.86), (0.075, 0.1))
    for side in (-1, 1):
        for x0, y0, x1, y1, radius in LIMBS:
            body += 0.22 * stroke(place, (side * x0, y0), (side * x1, y1), radius)
    return body * draw.uniform(0.15, 0.4)


def _skeleton(draw: Draw) -> Field:
    place = _body_place()
    bones = 0.8 * ellipse(place, (0, -0.86), (0.07, 0.09)) + 0.9 * stroke(place, (0, -0.72), (0, 0.05), 0.016)
    bones += 0.8 * ellipse(place, (0, 0.06), (0.12, 0.06))
    for side in (-1, 1):
        for rib in np.linspace(-0.62, -0.3, 8):
            bones += 0.35 * stroke(place, (0, rib), (side * 0.13, rib + 0.07), 0.008)
        for x0, y0, x1, y1, uptake in BONES:
            bones += uptake * stroke(place, (side * x0, y0), (side * x1, y1), 0.013)
        for x, y, uptake in JOINTS:
            bones += uptake * ellipse(place, (side * x, y), (0.02, 0.02))
    bladder = draw.uniform(0.3, 1.5) * ellipse(place, (0, 0.13), (0.035, 0.025))
    return bones + bladder + 0.5 * _two_kidneys(draw, place)


def _two_kidneys(draw: Draw, place: tuple[Field, Field]) -> Field:
    return sum(
        (draw.uniform(0.3, 1.2) * ellipse(place, (side * 0.07, -0.13), (0.022, 0.04)) for side in (-1, 1)),
        np.zeros_like(place[0]),
    )


def _spots(draw: Draw) -> Field:
    place = _body_place()
    spots = np.zeros_like(place[0])
    for _ in range(draw.integers(0, 8)):
        centre, radii = (draw.normal(0, 0.08), draw.uniform(-0.7, 0.4)), tuple(draw.uniform(0.008, 0.03, 2))
        spots += draw.uniform(0.5, 2) * ellipse(place, centre, radii)
    return spots


def _kidneys(draw: Draw) -> Pixels:
    place = grid(SIDE, SIDE)
    field = 0.25 * gaussian_filter(ellipse(place, (0, -0.1), (0.75, 1.3)), 8)
    for side in (-1, 1):
        centre = (side * draw.uniform(0.3, 0.4), draw.uniform(-0.2, 0.1))
        kidney = ellipse(place, centre, (0.13, 0.24), side * -0.3) - 0.4 * ellipse(
            place, (side * 0.25, -0.03), (0.08, 0.12)
        )
        field += draw.uniform(0.2, 1.2) * kidney
    field += draw.uniform(0, 1) * ellipse(place, (0, 0.75), (0.2, 0.15))
    field += draw.uniform(0, 0.6) * ellipse(place, (-0.3, -0.6), (0.5, 0.25))
    return _shown(field, draw, FALSE_COLOURS)


def _brain(draw: Draw) -> Pixels:
    place = grid(SIDE, SIDE)
    outer, inner = ellipse(place, (0, 0), (0.62, 0.8), 0, 0.06), ellipse(place, (0, 0), (0.5, 0.67), 0, 0.08)
    uneven = clouds(draw, SIDE, SIDE, 9)
    field = outer * (0.9 + 0.2 * uneven) - 0.55 * inner * (1 + 0.3 * uneven)
    field += 0.5 * (ellipse(place, (0.2, 0), (0.1, 0.18)) + ellipse(place, (-0.2, 0), (0.1, 0.18)))
    return _shown(field - 0.25 * stroke(place, (0, -0.7), (0, 0.7), 0.04), draw, FALSE_COLOURS)


def _heart(draw: Draw) -> Pixels:
    across, down = grid(SIDE, SIDE)
    radius, angle = np.hypot(across, down * draw.uniform(0.85, 1.1)), np.arctan2(down, across)
    defect = 1 - 0.7 * draw.random() * np.exp(-(((angle - draw.uniform(-3, 3)) / 0.6) ** 2))
    field = np.exp(-(((radius - 0.5) / 0.14) ** 2)) * defect
    if draw.random() < 0.5:  # a long axis: a horseshoe
        field /= 1 + np.exp((down - draw.uniform(0.1, 0.5)) * 12)
    field += 0.08
    if draw.random() < 0.5:
        small = field[::2, ::2]
        field = np.block(
            [[small, small[:, ::-1], gaussian_filter(small, 1)], [small * 0.9, gaussian_filter(small, 2), small[::-1]]]
        )
    return _shown(field, draw, FALSE_COLOURS)


def _thyroid(draw: Draw) -> Pixels:
    place = grid(SIDE, SIDE)
    field = 0.05 + 0.3 * ellipse(place, (0, 0.25), (0.15, 0.08))
    for side in (-1, 1):
        lobe = ellipse(place, (side * draw.uniform(0.2, 0.3), draw.uniform(-0.05, 0.05)), (0.13, 0.33), side * 0.25)
        field = field + draw.uniform(0.5, 1) * lobe
    for _ in range(draw.integers(0, 3)):
        centre = (draw.uniform(-0.3, 0.3), draw.uniform(-0.3, 0.3))
        field = field + draw.uniform(-0.4, 0.8) * ellipse(place, centre, (0.08, 0.08))
    return _shown(field, draw, FALSE_COLOURS)


def _lungs(draw: Draw) -> Pixels:
    place = grid(SIDE, SIDE)
    lungs = [draw.uniform(0.5, 1) * ellipse(place, (side * 0.4, 0), (0.27, 0.68), side * 0.1) for side in (-1, 1)]
    return _shown((0.05 + lungs[0] + lungs[1]) * (1 + 0.3 * clouds(draw, SIDE, SIDE, 6)), draw, FALSE_COLOURS)


def _slice(draw: Draw) -> Pixels:
    place = grid(SIDE, SIDE)
    field = ellipse(place, (0, 0), (0.8, 0.5), 0, 0.05) * (0.3 + 0.1 * clouds(draw, SIDE, SIDE, 4))
    for _ in range(draw.integers(1, 5)):
        centre = (draw.uniform(-0.5, 0.5), draw.uniform(-0.3, 0.3))
        field += draw.uniform(0.3, 1.5) * ellipse(place, centre, tuple(draw.uniform(0.05, 0.2, 2)))
    return _shown(field, draw, FALSE_COLOURS)


def _limbs(draw: Draw) -> Pixels:
    """A lymphoscintigram: injections (some so strong that they shine as stars), vessels, nodes; words and arrows."""
    height, width = 300, int(draw.uniform(110, 200))
    place, across, way = grid(height, width), draw.uniform(0.15, 0.4), draw.choice([-1, 1])
    field = np.full((height, width), draw.choice([0.002, 0.02, 0.06]))
    strength, is_star = draw.uniform(2, 8), draw.random() < 0.3
    for side in (-1, 1):
        start = (side * across + draw.normal(0, 0.05), way * draw.uniform(0.75, 0.95))
        field += strength * ellipse(place, start, (0.12, 0.04))
        for turn in np.arange(6) * np.pi / 3 if is_star else ():
            tip = (start[0] + 0.4 * np.sin(turn), start[1] + 0.2 * np.cos(turn))
            field += strength * 0.4 * stroke(place, start, tip, 0.012)
        end = (side * across * draw.uniform(0.5, 1.5), -way * draw.uniform(0, 0.8))
        limb = draw.uniform(0, 0.15) * stroke(place, start, end, draw.uniform(0.05, 0.18))
        vessel = draw.choice([0, 0, 0.6]) * stroke(place, start, end, 0.015)
        field += limb * (draw.random((height, width)) < 0.5) + vessel
        for _ in range(draw.integers(0, 5)):
            centre = (end[0] + draw.normal(0, 0.12), end[1] + draw.normal(0, 0.06))
            field += draw.uniform(0.5, 4) * ellipse(place, centre, (0.05, 0.02))
    return _with_words(_shown(field, draw, ("inverse", "inverse", "inverse", "grey")), draw)


def _with_words(pixels: Pixels, draw: Draw) -> Pixels:
    picture = Image.fromarray(pixels)
    pen, (width, height) = ImageDraw.Draw(picture), picture.size
    ink = (0, 0, 0) if pixels.mean() > 120 else (255, 255, 255)
    for _ in range(draw.integers(0, 4)):
        place = (int(draw.integers(0, 40)), int(draw.integers(2, height - 12)))
        pen.text(place, str(draw.choice(WORDS)), fill=ink, font=font_of(draw, int(draw.integers(8, 15))))
    for _ in range(draw.integers(0, 3)):
        end = (draw.uniform(0.3, 0.9) * width, draw.uniform(0.05, 0.9) * height)
        start = (end[0] + draw.choice([-24, 24]), end[1] + draw.uniform(-20, 20))
        arrow(pen, start, end, (220, 30, 30) if draw.random() < 0.6 else ink, 2)
    return np.asarray(picture)


def _shown(field: Field, draw: Draw, colours: tuple[str, ...]) -> Pixels:
    counted = counts(gaussian_filter(np.clip(field, 0, None), draw.uniform(0.6, 3)), draw, draw.uniform(6, 80))
    smooth = gaussian_filter(counted, draw.uniform(0, 1))
    return coloured(smooth / max(np.percentile(smooth, draw.uniform(98, 99.9)), 1e-6), str(draw.choice(colours)))
