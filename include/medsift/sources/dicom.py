"""DICOM files: every frame a picture as a reading station shows it. What reads them runs in the sandbox (_dicom).

Of what a file says of itself, a few technical codes are kept (see _dicom/tags.py) and keyed hashes of its study and
its patient; nothing else is stored, logged or quoted in a reason. What is burnt into the pixels themselves cannot be
told from the picture, and stays.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from medsift.contracts import About, Candidate, Leaf, Missed, Place
from medsift.errors import SandboxError
from medsift.sandbox import MAX_REASON, Item
from medsift.sources import Tools, register
from medsift.sources._dicom.choice import chosen_frames
from medsift.sources._dicom.heads import begins_like_dicom
from medsift.sources._dicom.pseudonyms import path_pseudonym, pseudonym
from medsift.sources._dicom.tags import kept_tags

__all__ = ["STUDY_GROUP", "DicomSource", "path_pseudonym", "person_groups"]

READER = "medsift.sources._dicom.reader:frames"
MAX_DEATHS = 3
STUDY_GROUP = "StudyGroup"  # a keyed hash of the study, the same for all pictures of one
PATIENT_GROUP = "PatientGroup"  # likewise of the patient, whose studies are several
BURNED_IN = "Its header says that annotations are burnt into its pixels (setting leave_out_burned_in)."


@register("dicom")
class DicomSource:
    """DICOM: each frame with its number and the technical codes that may be kept."""

    name: ClassVar[str] = "dicom"

    def recognises(self, source: str, head: bytes) -> bool:
        """By the mark after the preamble; without one, by how a data set begins."""
        return begins_like_dicom(head)

    def extract(self, leaf: Leaf, tools: Tools) -> Iterator[Candidate | Missed | About]:
        """Every frame; a frame over which the child dies costs itself. Raises `SourceError`, `EmptySourceError`."""
        path = Path(leaf.path or leaf.source).absolute()
        first, deaths, total, tags = 0, 0, None, dict[str, str]()
        while True:
            arguments = {
                "path": str(path), "max_pixels": tools.settings.max_pixels, "first": first,
                "most": tools.settings.dicom_frames,
            }  # fmt: skip
            try:
                for header, data in tools.sandbox.stream(READER, arguments):
                    if "frames" in header:
                        total = header.number("frames")
                        tags = _tags(header, tools.key)
                        if tags.get("BurnedInAnnotation") == "YES" and tools.settings.leave_out_burned_in:
                            yield Missed(Place(path=str(path), tags=tags), "rejected", BURNED_IN)
                            return
                        continue
                    first = header.number("frame")
                    place = Place(path=str(path), frame=first, tags=tags)
                    if "reason" in header:
                        yield Missed(place, "failed", header.text("reason", MAX_REASON))
                    else:
                        yield Candidate(place, data, is_rebuilt=True)
                return
            except SandboxError as error:
                deaths += 1
                left = [number for number in chosen_frames(total or 0, tools.settings.dicom_frames) if number > first]
                if deaths > MAX_DEATHS or not left:
                    raise
                first = left[0]
                yield Missed(Place(path=str(path), frame=first), "failed", str(error))


def person_groups(tags: Mapping[str, str]) -> list[str]:
    """What all pictures of the same person share, as far as is known: patient, then study; empty where neither is."""
    names = (("patient", PATIENT_GROUP), ("study", STUDY_GROUP))
    return [f"{kind} {tags[name]}" for kind, name in names if name in tags]


def _tags(header: Item, key: bytes) -> dict[str, str]:
    """Codes that may be kept; study and patient by hashes that only this volume can make again."""
    groups = {STUDY_GROUP: ("study", header.text("study")), PATIENT_GROUP: ("patient", header.text("patient"))}
    hashed = {name: pseudonym(key, kind, value) for name, (kind, value) in groups.items() if value}
    return {**kept_tags(header.table("tags")), **hashed}
