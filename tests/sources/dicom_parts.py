"""DICOM files that tests make, and what is found in them."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from medsift.contracts import Candidate, Leaf, Missed
from medsift.sources import Tools
from medsift.sources.dicom import DicomSource


def extracted(path: Path, tools: Tools) -> list[Candidate | Missed]:
    return list(DicomSource().extract(Leaf(str(path), "dicom", "", path=str(path)), tools))


def pixels(candidate: Candidate) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(candidate.data)))


def dicom(
    folder: Path, stored: np.ndarray, name: str = "made.dcm", lost: Iterable[str] = (), **elements: object
) -> Path:
    """A CT of those stored values, uint16 or int16 of shape (rows, columns) or (frames, rows, columns); `lost` are
    elements that its header lacks."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset = FileDataset(str(folder / name), {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.Modality, dataset.PhotometricInterpretation = CTImageStorage, "CT", "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    if stored.ndim == 3:
        dataset.NumberOfFrames = len(stored)
    dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 16, 16, 15
    dataset.PixelRepresentation = int(stored.dtype == np.int16)
    dataset.PixelData = stored.tobytes()
    for keyword, value in elements.items():
        if isinstance(value, pydicom.DataElement):
            dataset[keyword] = value
        else:
            setattr(dataset, keyword, value)
    for keyword in lost:
        del dataset[keyword]
    dataset.save_as(folder / name, enforce_file_format=True)
    return folder / name


RAMP = np.tile(np.arange(0, 4096, 16, dtype=np.uint16), (32, 1))
