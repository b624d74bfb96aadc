"""How pages are made: Jinja2 templates of this room, everything escaped, nothing loaded from elsewhere."""

from base64 import b64encode
from collections.abc import Iterable

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def environment() -> Environment:
    """Templates with their filters: `percent`, `number`, `polyline` and `webp` (thumbnail bytes to a data address)."""
    made = Environment(
        loader=PackageLoader("medsift.evaluation", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(percent=percent, number=number, webp=webp, polyline=polyline)
    return made


def percent(share: float | None) -> str:
    """A share as per cent with one decimal; a dash where it is undefined."""
    return "-" if share is None else f"{share * 100:.1f}\u00a0%"


def number(value: float | None, decimals: int = 3) -> str:
    """A number of fixed decimals, whole numbers as they are; a dash where it is undefined."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{decimals}f}"


def webp(thumbnail: bytes) -> str:
    """The bytes of a WebP file as an address that needs no file."""
    return f"data:image/webp;base64,{b64encode(thumbnail).decode('ascii')}"


def polyline(points: Iterable[tuple[float, float]], width: float, height: float) -> str:
    """Points of the unit square (y up) as an SVG polyline's `points` in a box of that size (y down)."""
    return " ".join(f"{x * width:.1f},{(1 - y) * height:.1f}" for x, y in points)
