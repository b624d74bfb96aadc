"""DICOM files: every frame a picture as a reading station shows it. What reads them runs in the sandbox (_dicom).

Of what a file says of itself, a few technical codes are kept (see _dicom/tags.py); nothing else is stored, logged or
quoted in a reason. What is burnt into the pixels themselves cannot be told from the picture, and stays.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from medsift.contracts import About, Candidate, Leaf, Missed, Place
from medsift.errors import SandboxError
from medsift.sources import Tools, register
from medsift.sources._dicom.tags import kept_tags

READER = "medsift.sources._dicom.reader:frames"
MAX_DEATHS = 3
# How a file without preamble begins: group 2 or 8 in little or big endian, a low element, then a VR or a length.
BARE_HEADS = (
    b"\x02\0\0\0UL",
    b"\x02\0\x10\0UI",
    *(bytes([8, 0, element, 0]) for element in (0x00, 0x01, 0x05, 0x08, 0x12, 0x16)),
    *(bytes([0, 8, 0, element]) for element in (0x00, 0x01, 0x05, 0x08, 0x12, 0x16)),
)


@register("dicom")
class DicomSource:
    """DICOM: each frame with its number and the technical codes that may be kept."""

    name: ClassVar[str] = "dicom"

    def recognises(self, source: str, head: bytes) -> bool:
        """By the mark after the preamble; without one, by how a data set begins."""
        return head[128:132] == b"DICM" or head.startswith(BARE_HEADS)

    def extract(self, leaf: Leaf, tools: Tools) -> Iterator[Candidate | Missed | About]:
        """Every frame; a frame over which the child dies costs itself. Raises `SourceError`, `EmptySourceError`."""
        path = Path(leaf.path or leaf.source).absolute()
        first, deaths, total = 0, 0, None
        while True:
            arguments = {"path": str(path), "max_pixels": tools.settings.max_pixels, "first": first}
            try:
                for header, data in tools.sandbox.stream(READER, arguments):
                    if "frames" in header:
                        total = int(header["frames"])
                        continue
                    first = int(header["frame"])
                    place = Place(path=str(path), frame=first, tags=kept_tags(header["tags"]))
                    if "reason" in header:
                        yield Missed(place, "failed", str(header["reason"]))
                    else:
                        yield Candidate(place, data, is_rebuilt=True)
                return
            except SandboxError as error:
                deaths += 1
                first += 1
                if total is None or deaths > MAX_DEATHS or first > total:
                    raise
                yield Missed(Place(path=str(path), frame=first), "failed", str(error))
