"""Diagrams: boxes and arrows in rows, rings or trees, and figures of geometry."""

import numpy as np
from alignment.drawn.lettering import Colour, Point, arrow, font_of, word, words
from alignment.drawn.shapes import Draw, Pixels
from PIL import Image, ImageDraw, ImageFont

FILLS: tuple[Colour, ...] = (
    (255, 255, 255),
    (218, 232, 252),
    (213, 232, 212),
    (255, 242, 204),
    (248, 206, 204),
    (225, 213, 231),
    (90, 130, 190),
    (240, 150, 60),
)


def draw_diagram(draw: Draw) -> Pixels:
    """Mostly boxes and arrows."""
    width, height = int(draw.integers(260, 640)), int(draw.integers(200, 460))
    is_dark = draw.random() < 0.06
    sheet = Image.new("RGB", (width, height), (30, 45, 60) if is_dark else (255, 255, 255))
    ink = (230, 230, 230) if is_dark else tuple(int(part) for part in draw.integers(0, 70, 3))
    if draw.random() < 0.75:
        _flow(sheet, draw, ink)
    else:
        _geometry(sheet, draw, ink)
    return np.asarray(sheet)


def _flow(sheet: Image.Image, draw: Draw, ink: Colour) -> None:
    pen, font = ImageDraw.Draw(sheet), font_of(draw, int(draw.integers(10, 18)))
    centres, links = draw.choice([_rows, _ring, _tree])(draw)
    places = [(sheet.width * (0.12 + 0.76 * x), sheet.height * (0.1 + 0.8 * y)) for x, y in centres]
    is_square = draw.random() < 0.3
    for start, end in links:
        _link(pen, places[start], places[end], ink, int(draw.integers(1, 4)), is_square=is_square)
    fills = [FILLS[which] for which in draw.integers(0, len(FILLS), draw.integers(1, 4))]
    shape = int(draw.integers(4))
    for number, place in enumerate(places):
        _node(
            pen,
            place,
            words(draw, int(draw.integers(1, 3))),
            font,
            fills[number % len(fills)],
            ink,
            shape if draw.random() < 0.8 else 3,
        )


def _rows(draw: Draw) -> tuple[list[Point], list[tuple[int, int]]]:
    columns, rows = int(draw.integers(2, 6)), int(draw.integers(1, 5))
    centres = (
        [(x, y) for y in np.linspace(0, 1, rows) for x in np.linspace(0, 1, columns)]
        if rows > 1
        else [(x, 0.5) for x in np.linspace(0, 1, columns)]
    )
    links = [(n, n + 1) for n in range(len(centres) - 1) if (n + 1) % columns and draw.random() < 0.8]
    links += [(n, n + columns) for n in range(len(centres) - columns) if draw.random() < 0.5]
    return centres, links


def _ring(draw: Draw) -> tuple[list[Point], list[tuple[int, int]]]:
    count = int(draw.integers(3, 9))
    turns = np.arange(count) * 2 * np.pi / count
    return [(0.5 + 0.5 * np.cos(t), 0.5 + 0.5 * np.sin(t)) for t in turns], [(n, (n + 1) % count) for n in range(count)]


def _tree(draw: Draw) -> tuple[list[Point], list[tuple[int, int]]]:
    centres, links, level = [(0.5, 0.0)], [], [0]
    depth, is_lying = int(draw.integers(2, 4)), draw.random() < 0.4
    for down in range(1, depth + 1):
        children = [parent for parent in level for _ in range(draw.integers(1, 4))][:7]
        first = len(centres)
        centres += [((number + 0.5) / len(children), down / depth) for number in range(len(children))]
        links += [(parent, first + number) for number, parent in enumerate(children)]
        level = list(range(first, len(centres)))
    return [(y, x) for x, y in centres] if is_lying else centres, links


def _link(pen: ImageDraw.ImageDraw, start: Point, end: Point, ink: Colour, width: int, *, is_square: bool) -> None:
    """An arrow to half way, under the node at its end, and a line on."""
    corner = (start[0], end[1]) if is_square else start
    pen.line([start, corner, end], fill=ink, width=width)
    middle = (corner[0] + 0.6 * (end[0] - corner[0]), corner[1] + 0.6 * (end[1] - corner[1]))
    arrow(pen, corner, middle, ink, width)


def _node(
    pen: ImageDraw.ImageDraw,
    place: Point,
    said: str,
    font: ImageFont.FreeTypeFont,
    fill: Colour,
    ink: Colour,
    shape: int,
) -> None:
    half, tall = font.getlength(said) / 2 + 8, font.size * 0.9 + 4
    box = (place[0] - half, place[1] - tall, place[0] + half, place[1] + tall)
    if shape == 0:
        pen.rectangle(box, fill=fill, outline=ink)
    elif shape == 1:
        pen.rounded_rectangle(box, 8, fill=fill, outline=ink)
    elif shape == 2:
        pen.ellipse((box[0] - 4, box[1] - 4, box[2] + 4, box[3] + 4), fill=fill, outline=ink)
    else:
        pen.polygon(
            [(place[0], box[1] - 10), (box[2] + 12, place[1]), (place[0], box[3] + 10), (box[0] - 12, place[1])],
            fill=fill,
            outline=ink,
        )
    pen.text(
        (place[0] - half + 8, place[1] - font.size * 0.6),
        said,
        fill=(255, 255, 255) if sum(fill) < 400 else (10, 10, 10),
        font=font,
    )


def _geometry(sheet: Image.Image, draw: Draw, ink: Colour) -> None:
    """Axes, circles, polygons, angles and letters at their corners."""
    pen, font = ImageDraw.Draw(sheet), font_of(draw, int(draw.integers(12, 22)))
    centre = np.array([sheet.width * draw.uniform(0.3, 0.7), sheet.height * draw.uniform(0.3, 0.7)])
    reach = min(sheet.size) * draw.uniform(0.2, 0.45)
    for turn in draw.uniform(0, 6.3, draw.integers(1, 6)):
        end = centre + reach * draw.uniform(0.7, 1.6) * np.array([np.cos(turn), np.sin(turn)])
        colour = (200, 40, 40) if draw.random() < 0.3 else ink
        arrow(pen, tuple(centre), tuple(end), colour, 2)
        pen.text(tuple(end), word(draw)[:1], fill=ink, font=font)
    for _ in range(draw.integers(0, 4)):
        radius, shift = reach * draw.uniform(0.2, 1), centre + draw.normal(0, reach / 3, 2)
        box = (*(shift - radius), *(shift + radius))
        if draw.random() < 0.5:
            pen.ellipse(box, outline=ink, width=2)
        else:
            pen.arc(box, *sorted(draw.uniform(0, 360, 2)), fill=(40, 60, 200), width=2)
    if draw.random() < 0.6:
        corners = [tuple(centre + reach * draw.uniform(-1.2, 1.2, 2)) for _ in range(draw.integers(3, 6))]
        pen.polygon(corners, outline=ink)
        for corner in corners:
            pen.text(corner, word(draw)[:1].upper(), fill=ink, font=font)
