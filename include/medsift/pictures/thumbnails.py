"""Small copies for people to look at. Runs in the sandbox child only."""

from io import BytesIO

from PIL import Image

SIDE = 256  # pixels, longer side


def thumbnail(image: Image.Image) -> bytes:
    """WebP of at most 256 x 256 pixels, no metadata."""
    small = image.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _encoded(small, "WEBP", quality=80, method=2)


def reduced_copy(image: Image.Image, max_side: int, quality: int) -> bytes:
    """JPEG whose longer side is at most `max_side` pixels, no metadata."""
    small = image.copy()
    small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _encoded(small, "JPEG", quality=quality, optimize=True)


def _encoded(image: Image.Image, format_name: str, **options: int) -> bytes:
    image.info = {}
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()
