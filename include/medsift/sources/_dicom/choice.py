"""Which frames of a DICOM file are taken."""

from collections.abc import Sequence


def chosen_frames(total: int, most: int) -> Sequence[int]:
    """Numbers, from 1, of at most `most` of so many frames (0: all): the middles of equal parts."""
    if not 0 < most < total:
        return range(1, total + 1)
    return [(2 * part + 1) * total // (2 * most) + 1 for part in range(most)]
