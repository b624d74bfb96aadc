"""Frames of a DICOM file as PNGs. Runs in the sandbox child only.

pydicom raises anything over wrong elements, and its exceptions and warnings quote their values. None may leave: every
error here is a sentence of ours.
"""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from medsift.errors import EmptySourceError, MedsiftError, PictureError, SourceError
from medsift.pictures.quality import check_pixels
from medsift.sources._dicom.choice import chosen_frames
from medsift.sources._dicom.mending import HALVED, mend
from medsift.sources._dicom.pseudonyms import stands_for_nobody
from medsift.sources._dicom.tags import TERMS, kept_tags

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
COLOURS = ("Red", "Green", "Blue")
# All that is read of a file; of a person's elements the ID alone is parsed, and leaves as a digest.
READ = [
    *TERMS, *PIXELS, "StudyInstanceUID", "PatientID", "IssuerOfPatientID",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "NumberOfFrames", "SamplesPerPixel",
    "PlanarConfiguration", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleIntercept", "RescaleSlope", "ModalityLUTSequence",
    "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in COLOURS),
    *(f"{colour}PaletteColorLookupTableData" for colour in COLOURS),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in COLOURS),
]  # fmt: skip


def frames(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """First {"frames": n, "tags", "study", "patient"}, then {"frame"} with PNG or "reason" for each after `first`.

    `arguments`: path, max_pixels, first (0: all), most (so many of the file's frames, spread evenly; 0: all). `study`
    and `patient` are digests of the study's UID and the patient's ID, which do not leave by themselves. Raises
    `SourceError`, `EmptySourceError`.
    """
    with warnings.catch_warnings(action="ignore"):
        try:
            yield from _frames(_opened(arguments["path"]), arguments)
        except (MedsiftError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  see above
            raise SourceError(f"It is damaged and cannot be read as DICOM ({type(error).__name__}).") from None


def _frames(dataset: "Dataset", arguments: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    total = max(1, int(dataset.get("NumberOfFrames") or 1))
    try:
        check_pixels(int(dataset.Columns), int(dataset.Rows), arguments["max_pixels"])
    except PictureError as error:
        raise SourceError(error.sentence) from None
    tags = kept_tags({name: dataset.get(name, "") for name in TERMS})
    yield {"frames": total, "tags": tags, "study": _study(dataset), "patient": _patient(dataset)}, b""
    mend(dataset)
    chosen = [number for number in chosen_frames(total, arguments["most"]) if number > arguments["first"]]
    for number, pixels in zip(chosen, _decoded(dataset, chosen), strict=True):
        header = {"frame": number}
        try:
            yield header, _png(dataset, _or_raise(pixels), number - 1)
        except PictureError as error:
            yield header | {"reason": error.sentence}, b""


def _study(dataset: "Dataset") -> str:
    return _digest(str(dataset.get("StudyInstanceUID", "")).strip())


def _patient(dataset: "Dataset") -> str:
    patient = str(dataset.get("PatientID", "")).strip()
    if stands_for_nobody(patient):
        return ""
    return _digest(f"{patient}\n{str(dataset.get('IssuerOfPatientID', '')).strip()}")


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest() if value else ""


def _png(dataset: "Dataset", pixels: "NDArray[Any]", index: int) -> bytes:
    from PIL import Image

    from medsift.pictures.frames import png
    from medsift.sources._dicom.display import shown

    try:
        return png(Image.fromarray(shown(dataset, pixels, index)))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  see above
        raise PictureError(f"The frame's window or colours are damaged ({type(error).__name__}).") from None


def _or_raise(pixels: "NDArray[Any] | PictureError") -> "NDArray[Any]":
    if isinstance(pixels, PictureError):
        raise pixels
    return pixels


def _decoded(dataset: "Dataset", chosen: Sequence[int]) -> Iterator["NDArray[Any] | PictureError"]:
    """The pixels of each of the chosen frames, or why it has none; one that fails does not end the others."""
    from pydicom.pixels.utils import iter_pixels

    done = 0
    # pydicom 3.0 takes each frame of halved colours after the first from a wrong place, unless asked for it alone.
    is_packed = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    at_once = 1 if dataset.PhotometricInterpretation == HALVED and not is_packed else len(chosen)
    while done < len(chosen):
        try:
            for pixels in iter_pixels(dataset, indices=[number - 1 for number in chosen[done : done + at_once]]):
                done += 1
                yield pixels
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  see above
            done += 1
            yield PictureError(f"The frame is damaged or its compression is not read ({_compression(dataset)}).")


def _compression(dataset: "Dataset") -> str:
    """The standard's name of it; a value that is none of the standard's is not repeated."""
    syntax = dataset.file_meta.TransferSyntaxUID
    return str(syntax.name) if syntax.type == "Transfer Syntax" else "unknown"


def _opened(path: str) -> "Dataset":
    import pydicom
    from pydicom.errors import InvalidDicomError

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    try:
        return _with_pixels(pydicom.dcmread(path, specific_tags=READ))
    except InvalidDicomError:  # no preamble: sources/dicom.py has looked whether it begins like a data set
        return _with_pixels(pydicom.dcmread(path, specific_tags=READ, force=True))


def _with_pixels(dataset: "Dataset") -> "Dataset":
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if not any(name in dataset for name in PIXELS):
        if not len(dataset):
            raise SourceError("It is no DICOM file, or it is damaged.")
        raise EmptySourceError("There are no pixels in this DICOM file (a report, a plan or the like).")
    if not (dataset.get("Rows") and dataset.get("Columns")):
        raise SourceError("The DICOM file does not say how large its picture is.")
    if "TransferSyntaxUID" not in dataset.file_meta:
        is_implicit, is_little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else explicit
    return dataset
