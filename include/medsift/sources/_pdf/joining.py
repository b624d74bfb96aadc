"""Which drawings are pieces of one picture: strips and tiles that touch, layers of a scan, stencils laid on another."""

from collections.abc import Callable, Iterable, Sequence

from medsift.sources._pdf.drawn import Drawn
from medsift.sources._pdf.geometry import Box, area, around, is_straight, overlap
from medsift.sources._pdf.pixels import scales

MAX_GAP_PIXELS = 0.8  # of the finer piece; writers round the places of tiles to a fraction of a pixel
MAX_LAP_PIXELS = 2.2  # tiles are often cut with a pixel in common
MAX_GAP_POINTS = 1.0
THIN = 4.0  # a piece so many times longer than high was cut by a writer, not by an author

SeamLooksWhole = Callable[[Box, bool], bool]


def joined(found: Sequence[Drawn], seam_looks_whole: SeamLooksWhole) -> list[list[Drawn]]:
    """Groups of drawings that make one picture each, in drawing order; most have one member.

    `seam_looks_whole(seam, is_level)` says of a seam on the page (a box without breadth, level or upright) whether the
    picture goes on across it. It is asked only where shape alone does not tell strips from panels set side by side.
    """
    parent = list(range(len(found)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for one, other in _neighbours(found):
        if root(one) != root(other) and _belong(found[one], found[other], seam_looks_whole):
            parent[root(other)] = root(one)
    groups: dict[int, list[Drawn]] = {}
    for index, drawn in enumerate(found):
        groups.setdefault(root(index), []).append(drawn)
    filled = _filled(groups.values())
    return sorted((sorted(group, key=lambda drawn: drawn.order) for group in filled), key=lambda g: g[0].order)


def _filled(groups: Iterable[list[Drawn]]) -> list[list[Drawn]]:
    """The groups, those that fill a gap in another one joined to it: a tile that is white or black all over shows at
    none of its seams that it belongs there."""
    found = list[list[Drawn]]()
    wholes = list[tuple[Box, list[Drawn]]]()
    for box, group in sorted(((box_of(group), group) for group in groups), key=lambda entry: -area(entry[0])):
        home = next((whole for around_it, whole in wholes if _fills(group, box, whole, around_it)), None)
        if home is not None:
            home += group
            continue
        found.append(group)
        if len(group) > 1 and group[0].kind == "image":
            wholes.append((box, group))
    return found


def _fills(group: Sequence[Drawn], box: Box, whole: Sequence[Drawn], around_it: Box) -> bool:
    if area(overlap(box, around_it)) < 0.99 * area(box):
        return False
    return any(_touch(one, other) for one in group for other in whole)


def _touch(one: Drawn, other: Drawn) -> bool:
    if one.kind != other.kind or not (is_straight(one.matrix) and _same_scale(one, other)):
        return False
    across, down = scales(one)
    return any(_seam(one.visible, other.visible, *way) for way in ((True, down), (False, across)))


def _neighbours(found: Sequence[Drawn]) -> list[tuple[int, int]]:
    """Pairs whose boxes touch or overlap: by a sweep from top to bottom, so that thousands of pieces stay quick."""
    order = sorted(range(len(found)), key=lambda index: found[index].visible[1])
    pairs, active = [], list[int]()
    for index in order:
        box = found[index].visible
        active = [other for other in active if found[other].visible[3] >= box[1] - MAX_GAP_POINTS]
        pairs += [
            (min(index, other), max(index, other))
            for other in active
            if found[other].visible[0] <= box[2] + MAX_GAP_POINTS and found[other].visible[2] >= box[0] - MAX_GAP_POINTS
        ]
        active.append(index)
    return sorted(pairs, key=lambda pair: (pair[1] - pair[0], pair))


def _belong(one: Drawn, other: Drawn, seam_looks_whole: SeamLooksWhole) -> bool:
    if not (is_straight(one.matrix) and is_straight(other.matrix)):
        return False
    if _coincide(one, other) or _is_laid_on(one, other):
        return True
    if one.kind != other.kind or not _same_scale(one, other):
        return False
    across, down = scales(one)
    for is_level, per_point in ((True, down), (False, across)):
        seam = _seam(one.visible, other.visible, is_level, per_point)
        if seam and (_is_cut(one, other, is_level) or seam_looks_whole(seam, is_level)):
            return True
    return False


def _coincide(one: Drawn, other: Drawn) -> bool:
    """Two layers in one place: a scan's background and the stencil of its letters."""
    both = area(overlap(one.visible, other.visible))
    return both > 0 and both >= 0.95 * max(area(one.visible), area(other.visible))


def _is_laid_on(one: Drawn, other: Drawn) -> bool:
    """A stencil has one colour: a drawing in several, such as a gradient, is stencils within another."""
    if not one.kind == other.kind == "stencil":
        return False
    both = area(overlap(one.visible, other.visible))
    return both >= 0.95 * min(area(one.visible), area(other.visible))


def _same_scale(one: Drawn, other: Drawn) -> bool:
    if max(one.width, one.height) < 16 or max(other.width, other.height) < 16:
        return False
    return all(
        abs(a - b) <= max(0.03 * max(a, b), 1.5 * _scale_error(one, other))
        for a, b in zip(scales(one), scales(other), strict=True)
    )


def _scale_error(one: Drawn, other: Drawn) -> float:
    """How far a strip a few pixels high may be off in scale because its place was rounded to half a pixel."""
    thinnest = min(one.width, one.height, other.width, other.height)
    return max(*scales(one), *scales(other)) * 0.5 / thinnest if thinnest < 40 else 0.0


def _seam(one: Box, other: Box, is_level: bool, per_point: float) -> Box | None:
    """The line along which two boxes touch, or None."""
    near, far = (1, 3) if is_level else (0, 2)
    first, second = sorted((one, other), key=lambda box: box[near])
    gap = second[near] - first[far]
    if not -min(MAX_LAP_PIXELS / per_point, 2.0) <= gap <= min(MAX_GAP_PIXELS / per_point, MAX_GAP_POINTS):
        return None
    start, end = (0, 2) if is_level else (1, 3)
    low, high = max(first[start], second[start]), min(first[end], second[end])
    shorter = min(first[end] - first[start], second[end] - second[start])
    if high - low < 0.5 * shorter:
        return None
    middle = (second[near] + first[far]) / 2
    return (low, middle, high, middle) if is_level else (middle, low, middle, high)


def _is_cut(one: Drawn, other: Drawn, is_level: bool) -> bool:
    """Strips of one length, at least one of them thin: no author sets panels so."""
    start, end = (0, 2) if is_level else (1, 3)
    first, second = one.visible, other.visible
    slack = 2.0 / max(min(scales(one)), 0.5)
    if abs(first[start] - second[start]) > slack or abs(first[end] - second[end]) > slack:
        return False
    near, far = (1, 3) if is_level else (0, 2)
    thinner = min(first[far] - first[near], second[far] - second[near])
    return thinner * THIN <= first[end] - first[start]


def box_of(group: Sequence[Drawn]) -> Box:
    """Where the joined picture lies."""
    return around(drawn.visible for drawn in group)
