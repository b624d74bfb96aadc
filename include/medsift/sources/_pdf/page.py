"""The pictures of one page: found, joined, made into bytes; what is no picture is named with its reason."""

from collections.abc import Iterator, Sequence

from medsift.sources._pdf import Mu
from medsift.sources._pdf.damage import BREAKS_OFF, breaks_off, has_padded
from medsift.sources._pdf.drawn import Drawn, drawn_pictures
from medsift.sources._pdf.geometry import Box, area
from medsift.sources._pdf.joining import box_of, joined
from medsift.sources._pdf.making import Known, Maker, Refused, Taken
from medsift.sources._pdf.opening import mupdf_errors
from medsift.sources._pdf.pixels import scales
from medsift.sources._pdf.view import PageView
from medsift.sources._pdf.words import Words

MIN_SIDE = 8  # pixels: smaller things are dots, lines and fills
MIN_STENCIL = 24.0  # points: a stencil lower or narrower than this is a letter or a rule
MAX_TOLD_ONE_BY_ONE = 8


def pictures_of(
    display_list: Mu, box: Box, *, hears_text: bool, words: Words, max_pixels: int, known: Known
) -> Iterator[Taken | Refused]:
    """Every picture of a page in the order drawn.

    `hears_text`: fonts may draw pictures; `words`: the page's text; `max_pixels`: what a picture may have to be
    decoded; `known`: what earlier pages of this file had. MuPDF's warnings are those of this page.
    """
    found = _without_masks(drawn_pictures(display_list, box, hears_text))
    bombs = [drawn for drawn in found if drawn.pixels > max_pixels]
    for drawn in bombs:
        reason = f"It has {drawn.width} x {drawn.height} pixels; up to {max_pixels} are allowed."
        yield Refused(drawn.visible if area(drawn.visible) else drawn.full, "rejected", reason)
    good = [drawn for drawn in found if drawn.pixels <= max_pixels]
    yield from _told([drawn for drawn in good if not area(drawn.visible)], "outside the visible page")
    view = PageView(display_list, box, can_be_drawn=not bombs)
    maker = Maker(view, known, good, words)
    trifles: list[Drawn] = []
    shown = [drawn for drawn in good if area(drawn.visible)]
    broken = _broken_off([drawn for drawn in shown if not maker.knows(drawn)], view, known)
    yield from (Refused(drawn.visible, "failed", BREAKS_OFF) for drawn in broken)
    groups = joined([drawn for drawn in shown if drawn not in broken], view.seam_looks_whole)
    words.stand_around([box_of(group) for group in groups if not _is_trifle(group)])
    for group in groups:
        if _is_trifle(group):
            trifles += group
        else:
            yield from _kept_going(maker, group)
    yield from _told(trifles, "a letter, line, dot or fill rather than a picture")


def _broken_off(fresh: Sequence[Drawn], view: PageView, known: Known) -> list[Drawn]:
    """Those of the drawings whose data ends too early."""
    if fresh:
        known.has_padded = known.has_padded or not view.is_whole() or has_padded()
    return [drawn for drawn in fresh if breaks_off(drawn, is_padded=known.has_padded)]


def _kept_going(maker: Maker, group: Sequence[Drawn]) -> Iterator[Taken | Refused]:
    """What the maker makes, piece by piece where one cannot be decoded: that one is refused, and the page goes on."""
    try:
        yield from maker.made(group)
    except mupdf_errors() as error:
        if len(group) == 1:
            yield Refused(box_of(group), "failed", f"It cannot be decoded ({error}).")
            return
        for drawn in group:
            yield from _kept_going(maker, [drawn])


def _without_masks(found: Sequence[Drawn]) -> list[Drawn]:
    """All drawings but those that only say where another one is seen."""
    used = {mask for drawn in found if drawn.in_mask is None for mask in drawn.through}
    return [drawn for drawn in found if drawn.in_mask not in used]


def _is_trifle(group: Sequence[Drawn]) -> bool:
    box = box_of(group)
    width, height = box[2] - box[0], box[3] - box[1]
    across, down = scales(group[0])
    if min(width * across, height * down) < MIN_SIDE - 0.5:
        return True
    return all(drawn.kind == "stencil" for drawn in group) and min(width, height) < MIN_STENCIL


def _told(drawings: Sequence[Drawn], what: str) -> Iterator[Refused]:
    """One line for each, or one for all where they are many: a page of letters drawn as stencils is one remark."""
    if len(drawings) > MAX_TOLD_ONE_BY_ONE:
        yield Refused(None, "rejected", f"{len(drawings)} drawings here are each {what}.")
        return
    for drawn in drawings:
        box = drawn.visible if area(drawn.visible) else drawn.full
        yield Refused(box, "rejected", f"It is {what} ({drawn.width} x {drawn.height} pixels).")
