"""What makes two pictures the same: identity (exact) and perceptual hashes (nearly)."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

BLOCK = 256  # pictures compared at once with all leaders: 100 MB at 50,000 pictures
MIN_SET_BITS = 24


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


def link_near_duplicates(sha256s: Sequence[str], hashes: Sequence[str], distance: int) -> dict[str, str]:
    """Pictures whose hash differs in at most `distance` bits from that of an earlier one: {picture: earlier one}.

    The earlier one is never itself linked, so links form no chains. Hashes with few set bits link nothing: the hash
    sets a bit for each coefficient above the median, half of them where there is texture; few where most
    coefficients are equal, as in plain areas, bars and gradients, whose hashes agree without the pictures doing so.
    50,000 pictures take some 10 s and 200 MB.
    """
    codes = np.array([int(value, 16) for value in hashes], dtype=np.uint64)
    informative = np.flatnonzero(np.bitwise_count(codes) >= MIN_SET_BITS)
    leaders = np.empty(len(informative), dtype=np.int64)
    count = 0
    links: dict[str, str] = {}
    for start in range(0, len(informative), BLOCK):
        block = informative[start : start + BLOCK]
        first = _first_within(codes[block], codes[leaders[:count]], distance)
        fresh = count  # leaders from here on are of this block, and not compared yet
        for index, found in zip(block, first, strict=True):
            if found < 0:
                within = _first_within(codes[index : index + 1], codes[leaders[fresh:count]], distance)[0]
                leader = fresh + within if within >= 0 else count
            else:
                leader = found
            if leader == count:
                leaders[count] = index
                count += 1
            else:
                links[sha256s[index]] = sha256s[leaders[leader]]
    return links


def _first_within(codes: NDArray[np.uint64], others: NDArray[np.uint64], distance: int) -> NDArray[np.int64]:
    """For each code the index of the first of `others` at most `distance` bits away, or -1; int64 (n,)."""
    if not others.size:
        return np.full(len(codes), -1, dtype=np.int64)
    is_near = np.bitwise_count(codes[:, None] ^ others[None, :]) <= distance
    return np.where(is_near.any(axis=1), is_near.argmax(axis=1), -1)
