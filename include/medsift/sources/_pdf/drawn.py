"""Which pictures a page draws, where, and through what: by a device that listens while the page is interpreted.

A listener sees what a renderer sees: pictures in forms, patterns, Type 3 glyphs, annotations and inline ones alike,
which no listing of resources does, and never takes a gradient for a picture.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from medsift.sources._pdf import Mu
from medsift.sources._pdf.geometry import EMPTY, Box, Matrix, area, overlap, shifted, unit_box

EVERYWHERE: Box = (-1e9, -1e9, 1e9, 1e9)
MAX_GLYPH_DEPTH = 3  # a Type 3 glyph may show text in a Type 3 font; a loop of them must end
MIN_GLYPH_PICTURE = 48.0  # points: a stencil in a glyph smaller than this is a letter


@dataclass(frozen=True)
class Drawn:
    """One drawing of one picture on a page.

    `image` is MuPDF's picture, kept alive by this record, so that `key` stays its own. `width` and `height` are the
    native size in pixels, that of its own soft mask (`mask`) where it is finer. `matrix` takes the unit square (top
    left at 0, 0) to points on the displayed page, `full` is where that lies and `visible` what clips and the page's
    edge leave. `is_plain`: nothing but rectangles and its own mask clips it and nothing is blended. `through` are the
    masks it is seen through; `in_mask` is the one it is a part of. `color` is the RGB of a stencil.
    """

    image: Mu
    key: int
    kind: Literal["image", "stencil", "clip"]
    width: int
    height: int
    matrix: Matrix
    full: Box
    visible: Box
    is_plain: bool
    order: int
    alpha: float = 1.0
    color: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mask: Mu = None
    through: tuple[int, ...] = ()
    in_mask: int | None = None

    @property
    def pixels(self) -> int:
        """Native size in pixels."""
        return self.width * self.height


@dataclass
class _Layer:
    """One thing that what follows is drawn through, until it is popped; `image` is that of a picture as mask."""

    box: Box = EVERYWHERE
    is_plain: bool = True
    mask: int | None = None
    image: Mu = None
    matrix: Matrix | None = None


@dataclass
class _Tile:
    """A pattern being drawn: its cell repeats by `step` within `box`; layers before `depth` lie outside of it."""

    box: Box
    step: tuple[float, float]
    depth: int


@dataclass
class _State:
    """Where in the page's interpretation we are."""

    layers: list[_Layer] = field(default_factory=list)
    groups: list[_Layer] = field(default_factory=list)
    tiles: list[_Tile] = field(default_factory=list)
    open_masks: list[int] = field(default_factory=list)
    masks: int = 0
    orders: int = 0
    glyph_depth: int = 0


class Listener:
    """Takes MuPDF's device calls for one page and keeps what is drawn of pictures in `found`.

    `hears_text`: Type 3 glyphs are looked into.
    """

    CALLS = (
        "fill_image", "fill_image_mask", "clip_image_mask", "begin_mask", "end_mask", "begin_group", "end_group",
        "begin_tile", "end_tile", "clip_path", "clip_stroke_path", "clip_text", "clip_stroke_text", "pop_clip",
    )  # fmt: skip

    def __init__(self, page: Box, hears_text: bool) -> None:
        self.page = page
        self.calls = (*self.CALLS, "fill_text") if hears_text else self.CALLS
        self.found: list[Drawn] = []
        self.faults: list[Exception] = []
        self.device: Mu = None
        self._state = _State()

    def fill_image(self, _context: Mu, image: Mu, ctm: Mu, alpha: float, _params: Mu) -> None:
        self._note("image", image, ctm, alpha)

    def fill_image_mask(
        self, _context: Mu, image: Mu, ctm: Mu, space: Mu, color: Mu, alpha: float, _params: Mu
    ) -> None:
        if self._state.glyph_depth and max(_extent(ctm)) < MIN_GLYPH_PICTURE:
            return
        self._note("stencil", image, ctm, alpha, color=_rgb(space, color))

    def clip_image_mask(self, _context: Mu, image: Mu, ctm: Mu, _scissor: Mu) -> None:
        from pymupdf import mupdf

        self._state.masks += 1
        self._note("clip", image, ctm, 1.0, in_mask=self._state.masks)
        matrix = _tuple(ctm)
        kept = mupdf.FzImage(mupdf.ll_fz_keep_image(image))
        self._state.layers.append(_Layer(unit_box(matrix), False, self._state.masks, kept, matrix))

    def begin_mask(self, _context: Mu, _area: Mu, _luminosity: Mu, _space: Mu, _color: Mu, _params: Mu) -> None:
        self._state.masks += 1
        self._state.open_masks.append(self._state.masks)

    def end_mask(self, *_rest: Mu) -> None:
        mask = self._state.open_masks.pop() if self._state.open_masks else None
        self._state.layers.append(_Layer(is_plain=False, mask=mask))

    def begin_group(
        self, _context: Mu, _area: Mu, _space: Mu, _isolated: Mu, _knockout: Mu, blend: int, alpha: float
    ) -> None:
        self._state.groups.append(_Layer(is_plain=blend == 0 and alpha > 0.999))

    def end_group(self, *_rest: Mu) -> None:
        if self._state.groups:
            self._state.groups.pop()

    def begin_tile(self, _context: Mu, box: Mu, _view: Mu, xstep: float, ystep: float, ctm: Mu, *_rest: Mu) -> int:
        a, b, c, d, e, f = _tuple(ctm)
        width, height = box.x1 - box.x0, box.y1 - box.y0
        corner = (a * box.x0 + c * box.y0 + e, b * box.x0 + d * box.y0 + f)
        covered = unit_box((a * width, b * width, c * height, d * height, *corner))
        step = (abs(a * xstep) + abs(c * ystep), abs(b * xstep) + abs(d * ystep))
        self._state.tiles.append(_Tile(covered, step, len(self._state.layers)))
        return 0

    def end_tile(self, *_rest: Mu) -> None:
        if self._state.tiles:
            self._state.tiles.pop()

    def clip_path(self, _context: Mu, path: Mu, _even_odd: Mu, ctm: Mu, scissor: Mu) -> None:
        from pymupdf import mupdf

        self._state.layers.append(_Layer(_box(scissor), bool(mupdf.ll_fz_path_is_rect(path, ctm))))

    def clip_stroke_path(self, _context: Mu, _path: Mu, _stroke: Mu, _ctm: Mu, scissor: Mu) -> None:
        self._state.layers.append(_Layer(_box(scissor), is_plain=False))

    def clip_text(self, _context: Mu, _text: Mu, _ctm: Mu, scissor: Mu) -> None:
        self._state.layers.append(_Layer(_box(scissor), is_plain=False))

    def clip_stroke_text(self, _context: Mu, _text: Mu, _stroke: Mu, _ctm: Mu, scissor: Mu) -> None:
        self._state.layers.append(_Layer(_box(scissor), is_plain=False))

    def pop_clip(self, _context: Mu) -> None:
        if self._state.layers:
            self._state.layers.pop()

    def fill_text(self, _context: Mu, text: Mu, ctm: Mu, *_rest: Mu) -> None:
        """Run the glyphs of Type 3 fonts, which may draw pictures."""
        from pymupdf import mupdf

        if self._state.glyph_depth >= MAX_GLYPH_DEPTH:
            return
        self._state.glyph_depth += 1
        span = text.head
        while span:
            if mupdf.ll_fz_font_t3_procs(span.font):
                self._run_glyphs(span, ctm)
            span = span.next
        self._state.glyph_depth -= 1

    def _run_glyphs(self, span: Mu, ctm: Mu) -> None:
        from pymupdf import mupdf

        wrapped = mupdf.FzTextSpan(span)
        for index in range(span.len):
            item = wrapped.items(index)
            if item.gid < 0:
                continue
            turn = span.trm
            turn.e, turn.f = item.x, item.y
            mupdf.ll_fz_run_t3_glyph(span.font, item.gid, mupdf.ll_fz_concat(turn, ctm), self.device.m_internal)

    def _note(
        self,
        kind: Literal["image", "stencil", "clip"],
        image: Mu,
        ctm: Mu,
        alpha: float,
        *,
        color: tuple[float, float, float] = (0.0, 0.0, 0.0),
        in_mask: int | None = None,
    ) -> None:
        from pymupdf import mupdf

        state = self._state
        state.orders += 1
        kept = mupdf.FzImage(mupdf.ll_fz_keep_image(image))
        raw = _tuple(ctm)
        matrix, full, visible = self._placed(raw)
        own = next((layer for layer in reversed(state.layers) if layer.image and _same(layer.matrix, raw)), None)
        layers = [layer for layer in state.layers + state.groups if layer is not own]
        mask = own.image if own else None
        self.found.append(
            Drawn(
                image=kept,
                key=kept.m_internal_value(),
                kind=kind,
                width=max(image.w, mask.w() if mask else 0),
                height=max(image.h, mask.h() if mask else 0),
                matrix=matrix,
                full=full,
                visible=visible,
                is_plain=kind != "clip" and not state.open_masks and all(layer.is_plain for layer in layers),
                order=state.orders,
                alpha=alpha,
                color=color,
                mask=mask,
                through=tuple(layer.mask for layer in state.layers if layer.mask is not None),
                in_mask=in_mask or (state.open_masks[-1] if state.open_masks else None),
            )
        )

    def _placed(self, matrix: Matrix) -> tuple[Matrix, Box, Box]:
        """Matrix, full box and visible box, moved to the first cell of a pattern that is seen."""
        state = self._state
        full = unit_box(matrix)
        if not state.tiles:
            return matrix, full, self._clipped(full, state.layers)
        tile = state.tiles[-1]
        inner = self._clipped(full, state.layers[tile.depth :], page=EVERYWHERE)
        window = self._clipped(tile.box, state.layers[: tile.depth])
        best, moved = EMPTY, (0.0, 0.0)
        for dy in _cells(full[1], window[1], tile.step[1]):
            for dx in _cells(full[0], window[0], tile.step[0]):
                seen = overlap(shifted(inner, dx, dy), window)
                if area(seen) > 1.01 * area(best):
                    best, moved = seen, (dx, dy)
        a, b, c, d, e, f = matrix
        return (a, b, c, d, e + moved[0], f + moved[1]), shifted(full, *moved), best

    def _clipped(self, box: Box, layers: list[_Layer], page: Box | None = None) -> Box:
        box = overlap(box, page or self.page)
        for layer in layers:
            box = overlap(box, layer.box)
        return box


def drawn_pictures(display_list: Mu, page: Box, hears_text: bool) -> list[Drawn]:
    """Every drawing of a picture in a page's display list, in the order in which they are painted.

    `hears_text`: look into the glyphs of Type 3 fonts too. A fault of ours in a call is raised, not lost in MuPDF.
    """
    from pymupdf import mupdf

    listener = Listener(page, hears_text)
    device = type("Device", (mupdf.FzDevice2,), {})()
    listener.device = device
    for name in listener.calls:
        getattr(device, f"use_virtual_{name}")()
        setattr(device, name, _guarded(getattr(listener, name), listener.faults))
    everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
    mupdf.fz_run_display_list(display_list, device, mupdf.FzMatrix(), everywhere, mupdf.FzCookie())
    if listener.faults:
        raise listener.faults[0]
    return listener.found


def _guarded(call: Callable[..., Mu], faults: list[Exception]) -> Callable[..., Mu]:
    def guarded(*arguments: Mu) -> Mu:
        try:
            return call(*arguments)
        except Exception as error:  # noqa: BLE001  MuPDF would swallow it; drawn_pictures raises it
            faults.append(error)
            return 0

    return guarded


def _cells(start: float, window: float, step: float) -> list[float]:
    """Shifts by whole steps that bring `start` to the first two cells seen in the window."""
    if step < 1e-3:
        return [0.0]
    first = (window - start) // step
    return [first * step, (first + 1) * step]


def _tuple(ctm: Mu) -> Matrix:
    return (ctm.a, ctm.b, ctm.c, ctm.d, ctm.e, ctm.f)


def _same(one: Matrix | None, other: Matrix) -> bool:
    return one is not None and all(abs(a - b) <= 0.25 for a, b in zip(one, other, strict=True))


def _box(rect: Mu) -> Box:
    return (rect.x0, rect.y0, rect.x1, rect.y1)


def _extent(ctm: Mu) -> tuple[float, float]:
    box = unit_box(_tuple(ctm))
    return (box[2] - box[0], box[3] - box[1])


def _rgb(space: Mu, color: Mu) -> tuple[float, float, float]:
    from pymupdf import mupdf

    if not space:
        return (0.0, 0.0, 0.0)
    rgb, params = mupdf.FzColorspace(mupdf.FzColorspace.Fixed_RGB), mupdf.FzColorParams()
    red, green, blue = mupdf.ll_fz_convert_color(space, color, rgb.m_internal, None, params.internal())[:3]
    return (red, green, blue)
