"""Boxes and matrices as plain tuples: points or pixels from the top left, y down."""

import math
from collections.abc import Iterable

Box = tuple[float, float, float, float]
Matrix = tuple[float, float, float, float, float, float]

EMPTY: Box = (0.0, 0.0, 0.0, 0.0)


def area(box: Box) -> float:
    """Area of a box; 0 where it is empty."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def overlap(one: Box, other: Box) -> Box:
    """What two boxes have in common, or `EMPTY`."""
    both = (max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3]))
    return both if both[0] < both[2] and both[1] < both[3] else EMPTY


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of them."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))


def shifted(box: Box, dx: float, dy: float) -> Box:
    """The box moved."""
    return (box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy)


def unit_box(matrix: Matrix) -> Box:
    """Bounds of the unit square under `matrix`: where a picture drawn with it lies."""
    a, b, c, d, e, f = matrix
    xs, ys = (e, e + a, e + c, e + a + c), (f, f + b, f + d, f + b + d)
    return (min(xs), min(ys), max(xs), max(ys))


def side_lengths(matrix: Matrix) -> tuple[float, float]:
    """Lengths in points of a drawn picture's own horizontal and vertical sides."""
    a, b, c, d = matrix[:4]
    return (math.hypot(a, b), math.hypot(c, d))


def is_straight(matrix: Matrix) -> bool:
    """Whether the picture's sides run along the page's, turned by a quarter or not."""
    a, b, c, d = map(abs, matrix[:4])
    return max(b, c) <= 0.002 * max(a, d) or max(a, d) <= 0.002 * max(b, c)


def is_quarter_turned(matrix: Matrix) -> bool:
    """For a straight matrix: whether the picture's width runs down the page."""
    a, b, c, d = map(abs, matrix[:4])
    return max(b, c) > max(a, d)


def is_upright(matrix: Matrix) -> bool:
    """Whether the picture is drawn without turn or flip."""
    return is_straight(matrix) and not is_quarter_turned(matrix) and matrix[0] > 0 and matrix[3] > 0
