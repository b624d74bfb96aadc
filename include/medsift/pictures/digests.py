"""What makes two pictures the same (identity) or alike (perceptual hash)."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


def identity_of_bytes(data: bytes) -> str:
    """Identity of a picture stored as found: SHA-256 of its bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def identity_of_pixels(image: "Image") -> str:
    """Identity of a picture that we rebuilt: SHA-256 over width, height, mode and pixels, in hex.

    Modes are brought to few plain ones first, so that neither the PNG encoder nor the mode that a release of
    Pillow chooses for a file can change it. 16-bit pixels are taken little-endian.
    """
    if image.mode.startswith("I"):
        mode, pixels = "I;16", np.asarray(image).astype("<u2").tobytes()
    else:
        plain = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB"}.get(image.mode, "RGBA")
        mode, pixels = plain, image.convert(plain).tobytes()
    digest = hashlib.sha256(f"{image.width} {image.height} {mode}\n".encode())
    digest.update(pixels)
    return digest.hexdigest()


def perceptual_hash(image: "Image") -> str:
    """64-bit DCT hash in 16 hex digits (Zauner 2010, "Implementation and benchmarking of perceptual image hash
    functions"; the variant of the imagehash library)."""
    import imagehash

    return str(imagehash.phash(image, hash_size=8))
