"""What a DICOM file says of itself: the modality that made the picture."""

from typing import ClassVar

from medsift.contracts import Vote
from medsift.modelsets import ModelSet
from medsift.voters import Evidence, Prompted, register

TAG = "Modality"
CERTAIN = 0.995  # devices also store test patterns and photographed paper under their modality
KINDS = {
    "CT": "ct", "MR": "mri", "US": "ultrasound", "BDUS": "ultrasound", "IVUS": "ultrasound", "CR": "xray", "DX": "xray",
    "RG": "xray", "RF": "xray", "XA": "angiography", "MG": "mammography", "NM": "nuclear", "PT": "nuclear",
    "ST": "nuclear", "PX": "dental", "IO": "dental", "OCT": "oct", "OPT": "oct", "IVOCT": "oct", "OP": "fundus",
    "ES": "endoscopy", "SM": "pathology", "GM": "pathology", "DMS": "dermoscopy",
}  # fmt: skip


@register("dicom")
class DicomTag:
    """Medical where the tag names a device that pictures people; abstains for documents, captures and other files."""

    name: ClassVar[str] = "dicom"
    uses_clusters: ClassVar[bool] = False

    def vote(self, evidence: Evidence, prompted: Prompted, model_set: ModelSet | None) -> list[Vote]:
        """Near certainty for each picture whose modality is one of `KINDS`, of that kind."""
        return [
            self._vote(sha256, tags.get(TAG, "")) for sha256, tags in zip(evidence.sha256s, evidence.tags, strict=True)
        ]

    def _vote(self, sha256: str, modality: str) -> Vote:
        if modality not in KINDS:
            return Vote(sha256, self.name, None, reason=f"modality {modality}" if modality else "no DICOM tag")
        return Vote(sha256, self.name, CERTAIN, KINDS[modality], reason=f"modality {modality}")
