"""Frames of a DICOM file as PNGs. Runs in the sandbox child only.

Exceptions and warnings of pydicom quote values of the file. None may leave: every error here is a sentence of ours.
"""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from medsift.errors import EmptySourceError, PictureError, SourceError
from medsift.pictures.quality import check_pixels
from medsift.sources._dicom.tags import TERMS, kept_tags

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydicom import Dataset

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
COLOURS = ("Red", "Green", "Blue")
# All that is read of a file; a person's elements are not even parsed.
READ = [
    *TERMS, *PIXELS, "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "NumberOfFrames", "SamplesPerPixel",
    "PlanarConfiguration", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelPaddingValue", "RescaleIntercept", "RescaleSlope", "ModalityLUTSequence", "VOILUTSequence", "WindowCenter",
    "WindowWidth", "VOILUTFunction", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    *(f"{colour}PaletteColorLookupTableDescriptor" for colour in COLOURS),
    *(f"{colour}PaletteColorLookupTableData" for colour in COLOURS),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in COLOURS),
]  # fmt: skip


def frames(arguments: dict[str, Any], payload: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """First {"frames": n}, then {"frame", "tags"} with a PNG for each frame after `first`, or with a "reason".

    `arguments`: path, max_pixels, first (0: all). Raises `SourceError`, `EmptySourceError`.
    """
    warnings.simplefilter("ignore")
    dataset = _opened(arguments["path"])
    total = max(1, int(dataset.get("NumberOfFrames") or 1))
    try:
        check_pixels(dataset.Columns, dataset.Rows, arguments["max_pixels"])
    except PictureError as error:
        raise SourceError(error.sentence) from None
    yield {"frames": total}, b""
    tags = kept_tags({name: dataset.get(name, "") for name in TERMS})
    number = arguments["first"]
    for pixels in _decoded(dataset, number, total):
        number += 1
        yield from _answer(dataset, number, pixels, tags)


def _answer(
    dataset: "Dataset", number: int, pixels: "NDArray[Any] | str", tags: dict[str, str]
) -> Iterator[tuple[dict[str, Any], bytes]]:
    from medsift.sources._dicom.display import shown

    header: dict[str, Any] = {"frame": number, "tags": tags}
    if isinstance(pixels, str):
        yield header | {"reason": pixels}, b""
        return
    try:
        encoded = _png(shown(dataset, pixels, number - 1))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  pydicom raises anything over wrong elements, and quotes them
        yield header | {"reason": f"The frame cannot be shown ({type(error).__name__})."}, b""
        return
    yield header, encoded


def _opened(path: str) -> "Dataset":
    import pydicom
    from pydicom.errors import InvalidDicomError

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    try:
        try:
            dataset = pydicom.dcmread(path, specific_tags=READ)
        except InvalidDicomError:  # no preamble: sources/dicom.py has looked whether it begins like a data set
            dataset = pydicom.dcmread(path, specific_tags=READ, force=True)
        return _with_pixels(dataset)
    except (SourceError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  as above
        raise SourceError(f"It cannot be read as DICOM ({type(error).__name__}).") from None


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


def _decoded(dataset: "Dataset", first: int, total: int) -> Iterator["NDArray[Any] | str"]:
    """The pixels of each frame after `first`, or why it has none; one that fails does not end the others."""
    from pydicom.pixels.utils import iter_pixels

    number = first
    while number < total:
        try:
            for pixels in iter_pixels(dataset, indices=range(number, total)):
                number += 1
                yield pixels
            return
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  as above
            number += 1
            yield f"The frame cannot be decoded ({type(error).__name__})."


def _png(pixels: "NDArray[np.uint8]") -> bytes:
    from PIL import Image

    from medsift.pictures.frames import png

    return png(Image.fromarray(pixels))
