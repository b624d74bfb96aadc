"""What headers of old scanners leave out or say wrongly, as they must mean it. Runs in the sandbox child only."""

import math
from typing import TYPE_CHECKING

import numpy as np

from medsift.sources._dicom.tags import TERMS

if TYPE_CHECKING:
    from pydicom import Dataset

HALVED = "YBR_FULL_422"


def mend(dataset: "Dataset") -> None:
    """Make the header say what decoding needs; what it says well stays."""
    photometric = str(dataset.get("PhotometricInterpretation") or "").strip().upper()
    if not dataset.get("SamplesPerPixel"):
        dataset.SamplesPerPixel = 3 if photometric.startswith(("RGB", "YBR")) else 1
    if photometric not in TERMS["PhotometricInterpretation"]:
        photometric = "RGB" if dataset.SamplesPerPixel == 3 else "MONOCHROME2"
    dataset.PhotometricInterpretation = photometric
    usual = {
        "PlanarConfiguration": 0,
        "PixelRepresentation": 0,
        "BitsStored": dataset.BitsAllocated,
        "HighBit": int(dataset.get("BitsStored") or dataset.BitsAllocated) - 1,
    }
    for name, value in usual.items():
        if dataset.get(name) is None:
            setattr(dataset, name, value)
    if "PixelData" in dataset and not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        _measure(dataset)
        _lower(dataset)


def _measure(dataset: "Dataset") -> None:
    """Uncompressed pixels say by their size whether colours are halved, and how many frames are whole."""
    said, have = int(dataset.get("NumberOfFrames") or 1), len(dataset.PixelData)
    frame = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated / 8
    if dataset.PhotometricInterpretation == HALVED:
        if have >= math.ceil(frame * said):
            dataset.PhotometricInterpretation = "YBR_FULL"
        else:
            frame = frame * 2 / 3
    dataset.NumberOfFrames = max(1, min(said, int(have / frame)))


def _lower(dataset: "Dataset") -> None:
    """Pixels that stand in the upper bits of their words, which the standard allowed until 2006, moved down."""
    spare = dataset.HighBit + 1 - dataset.BitsStored
    if not (dataset.BitsAllocated in (8, 16, 32) and 0 < spare <= dataset.BitsAllocated - dataset.BitsStored):
        return
    order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    word = np.dtype(f"{order}u{dataset.BitsAllocated // 8}")
    words = np.frombuffer(dataset.PixelData, word, len(dataset.PixelData) // word.itemsize)
    dataset.PixelData, dataset.HighBit = (words >> spare).tobytes(), dataset.BitsStored - 1
