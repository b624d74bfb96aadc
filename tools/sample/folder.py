"""A folder as people have them: DICOM, TIFF, JPEG, PNG, WebP, a broken file, a duplicate and an icon."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from sample.originals import ORIGINALS, brain_slice, dicom_file, jpeg, png

from medsift.evaluation.expected import Expected

CLIP_FRAMES = 3
# Without an ending the file is found to be DICOM by its content.
DICOM = {
    "img_001.dcm": ("CT_small.dcm", "ct", "CT, 128 px"),
    "img_002.dcm": ("MR_small.dcm", "mri", "MR, 64 px"),
    "img_003.dcm": ("examples_overlay.dcm", "mri", "MR of an abdomen"),
    "img_005.dcm": ("examples_palette.dcm", "ultrasound", "ultrasound with a palette"),
    "img_006": ("JPEG2000.dcm", "nuclear", "bone scan, JPEG 2000"),
}
COPIED = {
    "img_009.jpg": "hopper",
    "img_010.jpg": "hubble",
    "img_011.png": "contours",
    "img_013.png": "moon",
    "img_014.png": "pie",
    "img_016.png": "text",
}


def write_folder(folder: Path) -> list[Expected]:
    """Write the files; returns the path of each picture and what it is."""
    folder.mkdir(parents=True, exist_ok=True)
    return [*_dicom(folder), *_tiff(folder), *_pictures(folder), *_awkward(folder)]


def _dicom(folder: Path) -> list[Expected]:
    rows = []
    for name, (source, kind, title) in DICOM.items():
        shutil.copyfile(dicom_file(source), folder / name)
        rows.append(_expected(folder, name, "medical", kind, f"pydicom: {title}"))
    _write_clip(folder / "img_004.dcm")
    title = "pydicom: echocardiogram"
    frames = range(1, CLIP_FRAMES + 1)
    rows += [_expected(folder, "img_004.dcm", "medical", "ultrasound", title, frame=frame) for frame in frames]
    return rows


def _write_clip(target: Path) -> None:
    """Three frames of pydicom's thirty, spread over the heartbeat."""
    import pydicom
    from pydicom.encaps import encapsulate, generate_frames

    dataset = pydicom.dcmread(dicom_file("examples_ybr_color.dcm"))
    frames = list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames)))
    kept = frames[:: len(frames) // CLIP_FRAMES][:CLIP_FRAMES]
    dataset.PixelData = encapsulate(kept)
    dataset.NumberOfFrames = len(kept)
    dataset.save_as(target)


def _tiff(folder: Path) -> list[Expected]:
    first, *others = (brain_slice(0, index) for index in (60, 130))
    first.save(folder / "img_007.tif", save_all=True, append_images=others, compression="tiff_lzw")
    deep = np.asarray(brain_slice(2, 60)).astype(np.uint16) * 200
    Image.fromarray(deep).save(folder / "img_008.tif", compression="tiff_adobe_deflate")
    ORIGINALS["brick"].image().save(folder / "img_012.tif", compression="tiff_lzw")
    title = "nilearn: T1 template"
    return [
        *(_expected(folder, "img_007.tif", "medical", "mri", f"{title}, sagittal", frame=page) for page in (1, 2)),
        _expected(folder, "img_008.tif", "medical", "mri", f"{title}, axial slice 60", note="16 bits"),
        _of_original(folder, "img_012.tif", "brick"),
    ]


def _pictures(folder: Path) -> list[Expected]:
    for file, name in COPIED.items():
        (folder / file).write_bytes(ORIGINALS[name].read())
    ORIGINALS["motorcycle"].image().save(folder / "img_015.webp", quality=90)
    rows = [_of_original(folder, file, name) for file, name in COPIED.items()]
    return [*rows, _of_original(folder, "img_015.webp", "motorcycle")]


def _awkward(folder: Path) -> list[Expected]:
    shutil.copyfile(folder / "img_009.jpg", folder / "img_017.jpg")
    photograph = ORIGINALS["astronaut"].image().convert("RGB")
    (folder / "img_018.jpg").write_bytes(jpeg(photograph.crop((0, 200, 400, 500)))[:9000])
    (folder / "img_019.png").write_bytes(png(ORIGINALS["logo"].image().resize((10, 10), Image.Resampling.LANCZOS)))
    turned = ORIGINALS["china"].image().crop((60, 40, 560, 400)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # the viewer turns it upright
    turned.save(folder / "img_020.jpg", quality=90, exif=exif)
    return [
        _of_original(folder, "img_017.jpg", "hopper", state="exact_duplicate", note="copy of img_009.jpg"),
        _expected(folder, "img_018.jpg", "", "", "scikit-image: astronaut", state="failed", note="cut off"),
        _expected(folder, "img_019.png", "", "", "scikit-image: logo", state="rejected", note="10 px"),
        _of_original(folder, "img_020.jpg", "china", note="upright only by its EXIF"),
    ]


def _of_original(folder: Path, file: str, name: str, state: str = "kept", note: str = "") -> Expected:
    original = ORIGINALS[name]
    return _expected(folder, file, original.label, original.kind, original.title, state=state, note=note)


def _expected(
    folder: Path,
    file: str,
    label: str,
    kind: str,
    title: str,
    *,
    frame: int | None = None,
    state: str = "kept",
    note: str = "",
) -> Expected:
    return Expected(f"{folder.name}/{file}", None, None, frame, state, label, kind, title, note)
