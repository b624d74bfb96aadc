"""Stored DICOM pixels to what a reading station shows: modality values, window, inversion. 8 bits come last."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medsift.pictures.decode import windowed

if TYPE_CHECKING:
    from pydicom import Dataset

Stored = NDArray[Any]
Shown = NDArray[np.uint8]
Mask = NDArray[np.bool_]
NUMBERS = ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth")
GROUPS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")  # of enhanced multi-frame objects


def shown(dataset: "Dataset", stored: Stored, frame: int) -> Shown:
    """One frame, uint8 (rows, columns) or (rows, columns, 3); `stored` as pydicom's `iter_pixels` gives it."""
    photometric = str(dataset.get("PhotometricInterpretation", "MONOCHROME2")).strip().upper()
    if photometric == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        colours = apply_color_lut(stored, dataset)[..., :3]
        return _eight_bits(colours, 8 * colours.itemsize if colours.max() > 255 else 8)
    if stored.ndim == 3:
        return _eight_bits(stored, int(dataset.get("BitsStored", 8)))
    stored = _own_bits(dataset, stored)
    is_padding = _is_padding(dataset, stored)
    grey = _grey(_of_frame(dataset, frame), stored, is_padding)
    if photometric == "MONOCHROME1":
        grey = 255 - grey
    grey[is_padding] = 0  # no part of the picture (PS3.3 C.7.5.1.1.2), whichever end of the greys it lies at
    return grey


def _eight_bits(colours: Stored, bits: int) -> Shown:
    return (colours >> max(0, bits - 8)).clip(0, 255).astype(np.uint8)


def _own_bits(dataset: "Dataset", stored: Stored) -> Stored:
    """Without what old files keep in the bits above the pixel's own, such as overlays; sign extended."""
    bits, high = dataset.get("BitsStored"), dataset.get("HighBit")
    is_native = not dataset.file_meta.TransferSyntaxUID.is_encapsulated
    if not (is_native and bits and high == bits - 1 and np.issubdtype(stored.dtype, np.integer)):
        return stored
    spare = 8 * stored.itemsize - bits
    return (stored << spare) >> spare if 0 < spare < 8 * stored.itemsize else stored


def _of_frame(dataset: "Dataset", frame: int) -> "Dataset":
    """Rescale and window of a frame: its own, else what all frames share, else the file's."""
    from pydicom import Dataset

    result = Dataset()
    result.file_meta = dataset.file_meta
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
    own = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]
    groups = [item for group in (*shared, *own) for name in GROUPS for item in group.get(name) or []]
    for source in (dataset, *groups):
        for name in (*NUMBERS, "ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction"):
            if _is_said(source, name):
                result[name] = source[name]
    return result


def _is_said(source: "Dataset", name: str) -> bool:
    """Whether an element is there and, where it should be numbers, is numbers: old headers hold words there, too."""
    try:
        value = source.get(name)
        if name in NUMBERS and value not in (None, ""):
            np.asarray(value, dtype=float)
    except (ValueError, TypeError):
        return False
    return value not in (None, "")


def _grey(values: "Dataset", stored: Stored, is_padding: Mask) -> Shown:
    from pydicom.pixels.processing import apply_modality_lut

    modality = apply_modality_lut(stored, values)
    if _is_flat(modality) and not _is_flat(stored):  # a slope of 0, or a table that does not reach these values
        modality = stored
    grey = _by_table(values, modality) if values.get("VOILUTSequence") else _by_window(values, modality)
    if grey is None or (_is_flat(grey) and not _is_flat(stored)):
        # No window, or one that was not made for these values and shows nothing.
        return windowed(modality, modality[~is_padding])
    return grey


def _is_flat(values: Stored) -> bool:
    return bool(values.min() == values.max())


def _is_padding(dataset: "Dataset", stored: Stored) -> Mask:
    """Where a frame is filled up: one value or all between two, which many write without their sign."""
    first = dataset.get("PixelPaddingValue")
    last = dataset.get("PixelPaddingRangeLimit", first)
    if not isinstance(first, int) or not isinstance(last, int) or not np.issubdtype(stored.dtype, np.integer):
        return np.zeros(stored.shape, dtype=bool)
    ends = np.array([first, last]).astype(stored.dtype)
    is_padding: Mask = (stored >= ends.min()) & (stored <= ends.max())
    return is_padding if not is_padding.all() else np.zeros_like(is_padding)


def _by_table(values: "Dataset", modality: Stored) -> Shown:
    """The first VOI LUT of the file (PS3.3 C.11.2.1.1)."""
    item = values.VOILUTSequence[0]
    _, first, said = (int(number) for number in item.LUTDescriptor)
    order = "<" if values.file_meta.TransferSyntaxUID.is_little_endian else ">"
    data = item.LUTData
    table = np.frombuffer(data, f"{order}u2") if isinstance(data, bytes) else np.asarray(data)
    entries = table[(modality.astype(np.int64) - first).clip(0, table.size - 1)]
    eight: Shown = (entries / (2 ** _bits(said, table) - 1) * 255).clip(0, 255).astype(np.uint8)
    return eight


def _bits(said: int, table: Stored) -> int:
    """Bits of a table's entries: what they need, where its descriptor says fewer, or two or more beyond it."""
    needed = max(8, int(table.max()).bit_length())
    return said if said - 1 <= needed <= said else needed


def _by_window(values: "Dataset", modality: Stored) -> Shown | None:
    """The first window of the file applied as PS3.3 C.11.2.1.2 and C.11.2.1.3 say; None without a usable one."""
    centre, width = (_first(values.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function = str(values.get("VOILUTFunction", "LINEAR")).strip().upper()
    if centre is None or width is None or width < (1 if function == "LINEAR" else 1e-9):
        return None
    if function == "SIGMOID":
        level = 1 / (1 + np.exp(np.clip(-4 * (modality - centre) / width, -700, 700)))
    elif function == "LINEAR_EXACT":
        level = (modality - centre) / width + 0.5
    else:
        level = (modality - (centre - 0.5)) / max(width - 1, 1e-9) + 0.5
    eight: Shown = (np.clip(level, 0, 1) * 255 + 0.5).astype(np.uint8)
    return eight


def _first(value: Any) -> float | None:
    numbers = np.atleast_1d(np.asarray([] if value is None else value, dtype=float))
    return float(numbers[0]) if numbers.size and np.isfinite(numbers[0]) else None
