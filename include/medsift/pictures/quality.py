"""The rules by which a picture is not kept, each with the sentence that a person reads."""

from medsift.errors import PictureError


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise `PictureError` (rejected) for a picture too large to decode."""
    if width * height > max_pixels:
        raise PictureError(
            f"It has {width} x {height} pixels; at most {max_pixels / 1e6:g} million are read.", "rejected"
        )


def check_size(width: int, height: int, min_side: int, max_aspect_ratio: float) -> None:
    """Raise `PictureError` (rejected) for a picture too small, or too long for its width; sides in pixels."""
    shorter, longer = sorted((width, height))
    if shorter < min_side:
        raise PictureError(f"It is {width} x {height} pixels; the smallest side kept is {min_side}.", "rejected")
    if longer > shorter * max_aspect_ratio:
        raise PictureError(
            f"It is {width} x {height} pixels; longer than {max_aspect_ratio:g} times its other side.", "rejected"
        )


def check_content(extrema: tuple[float, float] | tuple[tuple[float, float], ...]) -> None:
    """Raise `PictureError` (rejected) where all pixels are the same; `extrema` as Pillow's `getextrema` gives them."""
    bands = [extrema] if isinstance(extrema[0], (int, float)) else extrema
    if all(lowest == highest for lowest, highest in bands):
        raise PictureError("All its pixels have the same colour.", "rejected")
