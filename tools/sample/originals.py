"""The pictures of the sample: where installed packages carry them, and what they are.

Read from the packages' folders without importing them, so that the sample is built in a few seconds.
"""

from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sample import plots

TEMPLATE = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
TEMPLATE_ZOOM = 2  # as papers print slices of 1 mm voxels


class Original(NamedTuple):
    """A picture: its label and kind, what it is in words, and its encoded bytes when asked for."""

    label: str
    kind: str
    title: str
    read: Callable[[], bytes]

    def image(self) -> Image.Image:
        return Image.open(BytesIO(self.read()))


def package_file(package: str, path: str) -> Path:
    """A file of an installed package; the package itself is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"The sample needs the package {package}: pip install -r requirements-sample.txt")
    file = Path(spec.submodule_search_locations[0], path)
    if not file.is_file():
        raise SystemExit(f"The installed package {package} has no file {path}, which the sample is made from.")
    return file


def dicom_file(name: str) -> Path:
    return package_file("pydicom", f"data/test_files/{name}")


def png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def jpeg(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _bytes_of(package: str, path: str) -> bytes:
    return package_file(package, path).read_bytes()


@cache
def _template() -> NDArray[np.uint8]:
    import nibabel

    return np.asarray(nibabel.load(package_file("nilearn", TEMPLATE)).dataobj)  # type: ignore[attr-defined]


def brain_slice(axis: int, index: int) -> Image.Image:
    """A slice of the T1 brain template, eight bits, head up; axis 0 sagittal, 1 coronal, 2 axial."""
    plane = np.rot90(np.take(_template(), index, axis=axis))
    image = Image.fromarray(np.ascontiguousarray(plane))
    return image.resize((image.width * TEMPLATE_ZOOM, image.height * TEMPLATE_ZOOM), Image.Resampling.BICUBIC)


def _slice(axis: int, index: int) -> bytes:
    return jpeg(brain_slice(axis, index))


def _head_ct() -> bytes:
    """A head in a brain window, as a radiologist would export it."""
    import pydicom

    hounsfield = pydicom.dcmread(dicom_file("J2K_pixelrep_mismatch.dcm")).pixel_array.astype(float)
    low, high = -10.0, 90.0
    return png(Image.fromarray((np.clip((hounsfield - low) / (high - low), 0, 1) * 255).astype(np.uint8)))


def _power_doppler() -> bytes:
    """The scan without the writing around it."""
    import pydicom

    pixels = pydicom.dcmread(dicom_file("examples_jpeg2k.dcm")).pixel_array
    return jpeg(Image.fromarray(pixels).crop((46, 110, 597, 337)))


def _medical(kind: str, title: str, read: Callable[[], bytes]) -> Original:
    return Original("medical", kind, title, read)


def _other(kind: str, title: str, read: Callable[[], bytes]) -> Original:
    return Original("non-medical", kind, title, read)


def _skimage(kind: str, title: str, name: str) -> Original:
    return _other(kind, f"scikit-image: {title}", partial(_bytes_of, "skimage", f"data/{name}"))


def _sklearn(kind: str, title: str, name: str) -> Original:
    return _other(kind, f"scikit-learn: {title}", partial(_bytes_of, "sklearn", f"datasets/images/{name}"))


def _brain(title: str, axis: int, index: int) -> Original:
    return _medical("mri", f"nilearn: T1 template, {title} slice {index}", partial(_slice, axis, index))


def _plot(name: str) -> Original:
    return _other("plot", f"matplotlib: {name}", partial(plots.draw, name))


ORIGINALS = {
    "axial-70": _brain("axial", 2, 70),
    "axial-110": _brain("axial", 2, 110),
    "axial-90": _brain("axial", 2, 90),
    "coronal-120": _brain("coronal", 1, 120),
    "coronal-90": _brain("coronal", 1, 90),
    "sagittal-98": _brain("sagittal", 0, 98),
    "sagittal-70": _brain("sagittal", 0, 70),
    "sagittal-130": _brain("sagittal", 0, 130),
    "head-ct": _medical("ct", "pydicom: CT of a head", _head_ct),
    "doppler": _medical("ultrasound", "pydicom: power Doppler of a lymph node", _power_doppler),
    "retina": _medical("fundus", "scikit-image: retina", partial(_bytes_of, "skimage", "data/retina.jpg")),
    "tissue": _medical(
        "pathology", "scikit-image: immunohistochemistry", partial(_bytes_of, "skimage", "data/ihc.png")
    ),
    "astronaut": _skimage("people", "astronaut", "astronaut.png"),
    "brick": _skimage("texture", "bricks", "brick.png"),
    "camera": _skimage("people", "cameraman", "camera.png"),
    "chelsea": _skimage("animal", "Chelsea the cat", "chelsea.png"),
    "coffee": _skimage("food", "cup of coffee", "coffee.png"),
    "coins": _skimage("photo", "coins", "coins.png"),
    "hubble": _skimage("night-sky", "Hubble deep field", "hubble_deep_field.jpg"),
    "logo": _skimage("logo", "logo", "logo.png"),
    "moon": _skimage("night-sky", "surface of the moon", "moon.png"),
    "motorcycle": _skimage("photo", "motorcycle", "motorcycle_left.png"),
    "page": _skimage("text-page", "scanned page", "page.png"),
    "rocket": _skimage("photo", "rocket", "rocket.jpg"),
    "text": _skimage("text-page", "writing on paper", "text.png"),
    "china": _sklearn("building", "pavilion", "china.jpg"),
    "flower": _sklearn("plant", "flower", "flower.jpg"),
    "hopper": _other(
        "people", "matplotlib: portrait", partial(_bytes_of, "matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
    ),
    **{name: _plot(name) for name in plots.NAMES},
}
