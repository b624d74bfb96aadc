"""A drawing, or a group of them, made into the bytes of a picture and checked against the rendered page."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from medsift.sources._pdf import jpeg
from medsift.sources._pdf.covering import FINEST, but_for, covers, hidden
from medsift.sources._pdf.drawn import Drawn
from medsift.sources._pdf.geometry import Box, area, is_straight, overlap
from medsift.sources._pdf.joining import box_of
from medsift.sources._pdf.pixels import (
    as_png,
    by_itself,
    has_one_colour,
    native,
    render_size,
    rendered,
    scaled,
    scales,
    together,
)
from medsift.sources._pdf.view import PageView
from medsift.sources._pdf.words import Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medsift.sources._pdf.pixels import Pixels

MAX_MEAN = 6.0  # of 255: mean difference to the rendered page up to which a picture is as rendered
MAX_SHARE = 0.06  # share of pixels that may differ clearly: arrows and letters set over a figure
CLEARLY = 40  # of 255
MAX_COMPARED = 200  # rows and columns, about: enough to tell
MAX_CUT = 0.02  # share of a side that a clip may take before the picture counts as cropped
LEAST_SEEN = 0.4  # correlation of brightness between a mask and the page where that shows what is in the mask
CACHE_BYTES = 192 * 2**20


@dataclass(frozen=True)
class Taken:
    """A picture of a page: its box, its bytes, and the drawings it is made of."""

    box: Box
    data: bytes
    is_rebuilt: bool
    parts: Sequence[Drawn]


@dataclass(frozen=True)
class Refused:
    """A drawing that gives no picture, with the reason; without a box it speaks of several."""

    box: Box | None
    state: Literal["rejected", "failed"]
    reason: str


@dataclass
class Known:
    """Pictures already made and checked in this file, so that a logo on each page costs its work once.

    The drawing is kept with its result: while MuPDF's picture lives, its address names no other; and with what the
    page showed of it then, since a later page may cover it. `has_padded`: MuPDF filled up a picture whose data breaks
    off; it says so once, though it may draw it on more pages.
    """

    entries: "OrderedDict[tuple[object, ...], tuple[Drawn, Taken, Pixels]]" = field(default_factory=OrderedDict)
    size: int = 0
    has_padded: bool = False

    def get(self, key: tuple[object, ...]) -> "tuple[Taken, Pixels] | None":
        """What was made of it before, and how it looked on that page."""
        if key not in self.entries:
            return None
        self.entries.move_to_end(key)
        return self.entries[key][1:]

    def put(self, key: tuple[object, ...], drawn: Drawn, taken: Taken, seen: "Pixels") -> None:
        """Remember it, and forget what was not asked for longest."""
        self.entries[key] = (drawn, taken, seen)
        self.size += _bytes(taken, seen)
        while self.size > CACHE_BYTES and len(self.entries) > 1:
            self.size -= _bytes(*self.entries.popitem(last=False)[1][1:])


def _bytes(taken: Taken, seen: "Pixels") -> int:
    """Memory of an entry: MuPDF holds about as much of the picture again."""
    return len(taken.data) * 2 + seen.nbytes


@dataclass
class Maker:
    """Makes the pictures of one page. `found` is all that is drawn on it."""

    view: PageView
    known: Known
    found: Sequence[Drawn]
    words: Words

    def knows(self, drawn: Drawn) -> bool:
        """Whether it is a picture that was made on an earlier page."""
        return drawn.is_plain and _key(drawn) in self.known.entries

    def made(self, group: Sequence[Drawn]) -> Iterator[Taken | Refused]:
        """The picture that the group makes; one refused line for each member that cannot be seen."""
        if len(group) == 1:
            yield self._single(group[0])
            return
        top = group[-1]
        if _is_opaque(top) and area(top.visible) >= 0.95 * area(box_of(group)):
            yield from (Refused(drawn.visible, "rejected", "It is covered by another picture.") for drawn in group[:-1])
            yield self._single(top)
        else:
            yield self._from_page(group)

    def _single(self, drawn: Drawn) -> Taken | Refused:
        if drawn.kind == "clip" or drawn.in_mask is not None:
            return self._mask(drawn)
        key = _key(drawn)
        known = self.known.get(key) if drawn.is_plain else None
        if known and self._is_seen_again(drawn, known[1]):
            return replace(known[0], box=drawn.visible)
        taken = self._stream_as_shown(drawn)
        if taken is None and self._is_as_rendered(drawn):
            taken = self._by_itself(drawn)
        if taken is None:
            return self._otherwise(drawn)
        self.known.put(key, drawn, taken, self.view.glance(drawn.visible, FINEST))
        return taken

    def _is_seen_again(self, drawn: Drawn, before: "Pixels") -> bool:
        """Whether the page shows a picture as an earlier page did; one that cannot be drawn whole tells nothing."""
        if not self.view.can_be_drawn:
            return True
        now = self.view.glance(drawn.visible, FINEST)
        height, width = (min(sides) for sides in zip(now.shape[:2], before.shape[:2], strict=True))
        now, before = scaled(now, width, height), scaled(before, width, height)
        return _is_alike(_differences(now, before)) and not covers(hidden(now, before))

    def _mask(self, drawn: Drawn) -> Taken | Refused:
        """A picture that only says where something is seen, as shadows are drawn too: as the page shows it."""
        import numpy as np

        if self.view.is_whole():
            shown, own, _ = self._compared(drawn)
            one, other = (pixels.mean(axis=2).ravel() for pixels in (shown, own))
            if min(one.std(), other.std()) > 0 and abs(np.corrcoef(one, other)[0, 1]) < LEAST_SEEN:
                return Refused(drawn.visible, "rejected", "It is a mask, as of a shadow, beneath other things.")
        return self._from_page([drawn])

    def _stream_as_shown(self, drawn: Drawn) -> Taken | None:
        """A JPEG stream that, decoded as any viewer would, is what the page shows: no need to draw it by itself."""
        stream = None if _cropped(drawn) else jpeg.stream_of(drawn)
        if stream is None or not self.view.is_whole():
            return None
        if not jpeg.is_shown(stream, drawn, self.view.cut(drawn.visible)[0]):
            return None
        return Taken(drawn.visible, stream, is_rebuilt=False, parts=[drawn])

    def _is_as_rendered(self, drawn: Drawn) -> bool:
        if not self.view.is_whole():
            return True
        import numpy as np

        shown, own, exact = self._compared(drawn)
        cells, differences = hidden(shown, own), _differences(shown, own)
        if _is_alike(differences) and not covers(cells):
            return True
        if not self._is_background(drawn) or covers(but_for(cells, exact, self._above(drawn))):
            return False
        return _is_alike(differences) or float(np.median(differences)) <= MAX_MEAN

    def _compared(self, drawn: Drawn) -> "tuple[Pixels, Pixels, Box]":
        """What the page shows where the picture is, the picture by itself in that size, and the box of both."""
        shown, exact = self.view.cut(drawn.visible)
        return shown, by_itself(drawn, exact, shown.shape[1], shown.shape[0]), exact

    def _above(self, drawn: Drawn) -> list[Box]:
        """Where the page's text and other pictures are set over it."""
        pictures = [other.visible for other in self.found if other.order > drawn.order]
        return [*pictures, *self.words.visible_on(drawn.visible)]

    def _is_background(self, drawn: Drawn) -> bool:
        """Whether the page's text or other pictures are set over it: then the page is no view of this picture."""
        if area(drawn.visible) < 0.5 * area(self.view.box):
            return False
        above = any(
            other.order > drawn.order and area(overlap(other.visible, drawn.visible)) > 0.01 * area(drawn.visible)
            for other in self.found
        )
        return above or bool(self.words.visible_on(drawn.visible))

    def _by_itself(self, drawn: Drawn) -> Taken:
        cropped = _cropped(drawn)
        stream = None if cropped else jpeg.stream_of(drawn)
        if stream and jpeg.looks_like(stream, drawn, by_itself(drawn, drawn.full, *jpeg.reduced_size(drawn))):
            return Taken(drawn.visible, stream, is_rebuilt=False, parts=[drawn])
        pixels = native(drawn)
        data = as_png(_crop(pixels, drawn) if cropped else pixels)
        return Taken(drawn.visible, data, is_rebuilt=True, parts=[drawn])

    def _otherwise(self, drawn: Drawn) -> Taken | Refused:
        """A picture that the page shows otherwise than it is: as the page shows it, if it shows it at all."""
        for other in self.found:
            if other.order > drawn.order and _is_opaque(other):
                seen = area(overlap(other.visible, drawn.visible))
                if seen >= 0.97 * area(drawn.visible):
                    return Refused(drawn.visible, "rejected", "It is covered by another picture.")
        if _is_flat(self.view.cut(drawn.visible)[0]) and not _is_flat(self._compared(drawn)[1]):
            return Refused(drawn.visible, "rejected", "It cannot be seen on the page: something else covers it.")
        if drawn.kind == "image" and drawn.mask and has_one_colour(drawn):
            return Refused(drawn.visible, "rejected", "It is one colour under a mask: a shadow of what lies on it.")
        return self._from_page([drawn])

    def _from_page(self, group: Sequence[Drawn]) -> Taken | Refused:
        box = box_of(group)
        across, down = (max(scale) for scale in zip(*map(scales, group), strict=True))
        size = render_size(box, across, down)
        if self.view.is_whole():
            pixels = rendered(self.view.display_list, box, *size)
        elif all(drawn.kind != "clip" and drawn.in_mask is None for drawn in group):
            pixels = together(group, box, *size)
        else:
            return Refused(box, "failed", "It cannot be shown: a picture that cannot be decoded lies on its page.")
        return Taken(box, as_png(pixels), is_rebuilt=True, parts=group)


def _differences(one: "Pixels", other: "Pixels") -> "NDArray[np.int16]":
    """How far two pictures of one size differ, the largest of the three colours, at some 200 x 200 places."""
    import numpy as np

    step = max(1, min(one.shape[:2]) // MAX_COMPARED)
    inner = np.s_[1:-1:step, 1:-1:step] if min(one.shape[:2]) > 8 else np.s_[:, :]
    apart = np.abs(one[inner].astype(np.int16) - other[inner])
    # max(axis=2) takes five times as long
    largest: NDArray[np.int16] = np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2])
    return largest


def _is_alike(differences: "NDArray[np.int16]") -> bool:
    return bool(differences.mean() <= MAX_MEAN and (differences > CLEARLY).mean() <= MAX_SHARE)


def _is_opaque(drawn: Drawn) -> bool:
    return (
        drawn.kind == "image"
        and drawn.is_plain
        and drawn.mask is None
        and drawn.alpha > 0.999
        and drawn.in_mask is None
    )


def _key(drawn: Drawn) -> tuple[object, ...]:
    """The same key means the same bytes: picture, mask, turn, crop and colour."""
    a, b, c, d = drawn.matrix[:4]
    turn = (a > 0, b > 0, c > 0, d > 0, abs(b) > abs(a)) if is_straight(drawn.matrix) else (a, b, c, d)
    mask = drawn.mask.m_internal_value() if drawn.mask else 0
    crop = _relative(drawn) if _cropped(drawn) else None
    return (drawn.key, mask, drawn.kind, drawn.color, drawn.alpha, turn, crop)


def _relative(drawn: Drawn) -> tuple[float, ...]:
    x0, y0, x1, y1 = drawn.full
    width, height = x1 - x0, y1 - y0
    seen = drawn.visible
    parts = ((seen[0] - x0) / width, (seen[1] - y0) / height, (seen[2] - x0) / width, (seen[3] - y0) / height)
    return tuple(round(part, 4) for part in parts)


def _cropped(drawn: Drawn) -> bool:
    """Whether a clip or the page's edge takes more of a side than rounding would."""
    left, top, right, bottom = _relative(drawn)
    return max(left, top, 1 - right, 1 - bottom) > MAX_CUT


def _crop(pixels: "Pixels", drawn: Drawn) -> "Pixels":
    height, width = pixels.shape[:2]
    left, top, right, bottom = _relative(drawn)
    x0, y0 = min(width - 1, round(left * width)), min(height - 1, round(top * height))
    return pixels[y0 : max(y0 + 1, round(bottom * height)), x0 : max(x0 + 1, round(right * width))]


def _is_flat(pixels: "Pixels") -> bool:
    return float(pixels[1:-1, 1:-1].std(axis=(0, 1)).max()) < 4.0 if min(pixels.shape[:2]) > 8 else False
