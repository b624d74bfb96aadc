"""Which caption belongs to which picture of a page."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Literal

from medsift.sources._pdf.geometry import Box, area, overlap
from medsift.sources._pdf.paragraphs import Paragraph

Side = Literal["below", "above", "beside"]

FARTHEST = 150.0  # points from a picture to its caption
BODY_CHARACTERS = 180  # a paragraph of so many characters parts what stands on its two sides
WEAK_PENALTY = 80.0  # points that a paragraph stands farther away where it may be running text
SIDE_MARGIN = 15.0  # points by which captions must stand nearer to the pictures under them to count as theirs
CLEARLY_NEARER = 0.5  # of the distance to the picture on the other side
PANEL_GAP = 0.4  # of the smaller one's longer side: so close in a row or stack, pictures are panels of one figure


def captions_of(pictures: Sequence[Box], paragraphs: Iterable[Paragraph]) -> dict[Box, Paragraph]:
    """The captions of those pictures that have one.

    A caption is first sought on the side where captions of this page stand, then on the other, then beside the
    picture; only one that is still no picture's is taken from there. Panels without one share that of the next panel.
    """
    everything = list(paragraphs)
    captions = [one for one in everything if one.is_caption]
    walls = [one.box for one in everything if not one.is_caption and len(one.text) >= BODY_CHARACTERS]
    usual = _usual_side(pictures, captions, walls)
    found: dict[Box, Paragraph] = {}
    for turn in range(3):
        free = [one for one in captions if one not in found.values()]
        for box in pictures:
            ways = [(one, _sides(one, usual)[turn]) for one in (captions if turn == 0 else free)]
            if box not in found and (own := _nearest(box, ways, pictures, walls)):
                found[box] = own
        _share(found, pictures, [*walls, *(one.box for one in captions)])
    return found


def _usual_side(pictures: Sequence[Box], captions: Iterable[Paragraph], walls: Sequence[Box]) -> Side:
    """Where captions of this page stand: on the side on which those between two pictures are clearly nearer to one,
    else on that which leaves them nearer to pictures altogether.

    A caption at the top may belong to a picture of the page before, and has none above it whatever the usual side.
    """
    voters = [one for one in captions if not (one.is_weak or one.is_of_table)]

    def gaps(side: Side) -> list[float]:
        own = ([_gap(box, one, side, pictures, walls) for box in pictures] for one in voters)
        return [min((gap for gap in each if gap is not None), default=FARTHEST) for each in own]

    above, below = gaps("above"), gaps("below")
    between = [both for both in zip(above, below, strict=True) if max(both) < FARTHEST]
    nearer_above, nearer_below = (sum(side) for side in zip(*between, strict=True)) if between else (0.0, 0.0)
    if nearer_below < CLEARLY_NEARER * nearer_above:
        return "below"
    if nearer_above < CLEARLY_NEARER * nearer_below:
        return "above"
    return "above" if sum(above) + SIDE_MARGIN < sum(below) else "below"


def _sides(caption: Paragraph, usual: Side) -> tuple[Side, Side, Side]:
    return ("above", "below", "beside") if caption.is_of_table or usual == "above" else ("below", "above", "beside")


def _nearest(
    box: Box, ways: Iterable[tuple[Paragraph, Side]], pictures: Sequence[Box], walls: Sequence[Box]
) -> Paragraph | None:
    gaps = [(_gap(box, one, side, pictures, walls), one) for one, side in ways]
    near = [(gap, one) for gap, one in gaps if gap is not None]
    return min(near, key=lambda entry: entry[0])[1] if near else None


def _gap(box: Box, caption: Paragraph, side: Side, pictures: Iterable[Box], walls: Iterable[Box]) -> float | None:
    """How far the caption stands from the picture, if on that side of it, not too far, and nothing parts them.

    A picture smaller than this one does not part them: figures have small pieces in between.
    """
    other = caption.box
    across, down = _apart(box, other)
    is_in_column = -across > 0.3 * min(_size(box)[0], _size(other)[0])
    if side == "beside":
        is_there, gap = not is_in_column and down < 0, across
    else:
        is_there, gap = is_in_column and (side == "below") == (other[1] >= (box[1] + box[3]) / 2), down
    gap = max(0.0, gap) + (WEAK_PENALTY if caption.is_weak else 0.0)
    between = chain(walls, (one for one in pictures if _longer(one) >= _longer(box) and not area(overlap(one, box))))
    return gap if is_there and gap < FARTHEST and not _is_parted(box, other, between) else None


def _share(found: dict[Box, Paragraph], pictures: Sequence[Box], walls: Sequence[Box]) -> None:
    """Give panels the caption of the panel next to them, from panel to panel."""
    reached = list(found)
    for home in reached:
        for box in pictures:
            if box not in found and _are_panels(home, box) and not _is_parted(home, box, walls):
                found[box] = found[home]
                reached.append(box)


def _are_panels(one: Box, other: Box) -> bool:
    """Whether they stand side by side or one above the other, and close."""
    in_common, gap = sorted(_apart(one, other))
    return in_common < 0 <= gap <= PANEL_GAP * min(_longer(one), _longer(other))


def _size(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def _longer(box: Box) -> float:
    return max(_size(box))


def _apart(one: Box, other: Box) -> tuple[float, float]:
    """The gaps between two boxes, across and down; negative is what they have in common."""
    return max(one[0], other[0]) - min(one[2], other[2]), max(one[1], other[1]) - min(one[3], other[3])


def _is_parted(one: Box, other: Box, walls: Iterable[Box]) -> bool:
    xs = sorted((max(one[0], other[0]), min(one[2], other[2])))
    ys = sorted((max(one[1], other[1]), min(one[3], other[3])))
    return any(area(overlap((xs[0], ys[0], xs[1], ys[1]), wall)) for wall in walls)
