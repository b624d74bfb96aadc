"""Pictures that look nearly the same, found through an index of their perceptual hashes."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

BANDS = 4
BAND_BITS = 16
BAND = (1 << BAND_BITS) - 1
MIN_SET_BITS = 24


class HammingIndex:
    """64-bit codes in the order in which they are added; finds those at most `distance` bits from another, exactly.

    Multi-index hashing (Norouzi, Punjani and Fleet 2012, "Fast search in Hamming space with multi-index hashing"): a
    code is cut into four bands. Two codes that differ in at most 4 q + r bits (r < 4) differ in at most q bits of one
    of the first r + 1 bands, or in at most q - 1 of another, since more in each would add up to more. So only codes
    that share such a band are looked at: with distance 4 and 1,000,000 codes spread evenly some 300.
    """

    def __init__(self, distance: int) -> None:
        most, rest = divmod(distance, BANDS)
        self._distance = distance
        self._flips = [_flips(most if band <= rest else most - 1) for band in range(BANDS)]
        self._codes = array("Q")
        self._members: list[defaultdict[int, array[int]]] = [
            defaultdict(lambda: array("I")) for _ in range(BANDS)
        ]  # positions of codes, by the value of a band

    def __len__(self) -> int:
        return len(self._codes)

    def add(self, code: int) -> None:
        """Put a code behind the others."""
        for band, members in enumerate(self._members):
            members[_band(code, band)].append(len(self._codes))
        self._codes.append(code)

    def first_within(self, code: int) -> int:
        """Position of the first code at most `distance` bits away, -1 where there is none."""
        codes, distance = self._codes, self._distance
        first = len(codes)
        for band, members in enumerate(self._members):
            value = _band(code, band)
            for flip in self._flips[band]:
                for position in members.get(value ^ flip, ()):
                    if position >= first:
                        break  # positions rise
                    if (codes[position] ^ code).bit_count() <= distance:
                        first = position
                        break
        return first if first < len(codes) else -1


def link_near_duplicates(
    sha256s: Sequence[str],
    hashes: Sequence[str],
    distance: int,
    stored: Iterable[tuple[str, str, str | None]] = (),
) -> dict[str, str]:
    """Pictures whose hash differs in at most `distance` bits from that of an earlier one: {picture: earlier one}.

    `stored`: what was known before, oldest first, as (picture, hash, earlier one or None). Links that are known stay,
    and a picture that was known without one gets none, so that asking again changes nothing. The earlier one is never
    itself linked, so links form no chains. Hashes with few set bits link nothing: the hash sets a bit for each
    coefficient above the median, half of them where there is texture; few where most coefficients are equal, as in
    plain areas, bars and gradients, whose hashes agree without the pictures doing so.
    """
    index, leaders = HammingIndex(distance), list[str]()
    wanted, known, links = set(sha256s), set[str](), dict[str, str]()
    for sha256, value, link in stored:
        if sha256 in wanted:
            known.add(sha256)
        if link is None and (code := _informative(value)) is not None:
            index.add(code)
            leaders.append(sha256)
        elif link is not None and sha256 in wanted:
            links[sha256] = link
    for sha256, value in zip(sha256s, hashes, strict=True):
        code = None if sha256 in known else _informative(value)
        if code is None:
            continue
        if (found := index.first_within(code)) >= 0:
            links[sha256] = leaders[found]
        else:
            index.add(code)
            leaders.append(sha256)
    return links


def _flips(most: int) -> list[int]:
    """All values of a band with at most `most` set bits, none where that is below 0."""
    return [
        sum(1 << bit for bit in bits) for count in range(most + 1) for bits in combinations(range(BAND_BITS), count)
    ]


def _band(code: int, number: int) -> int:
    return code >> (number * BAND_BITS) & BAND


def _informative(value: str) -> int | None:
    code = int(value, 16)
    return code if code.bit_count() >= MIN_SET_BITS else None
