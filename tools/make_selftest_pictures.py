"""Make the real pictures of the self-test: `python tools/make_selftest_pictures.py`.

Cut square and reduced, from packages of the sample, as PNG into include/medsift/encoders/selftest/. They are kept in
the repository, since every machine has to test with the very same pixels whatever packages it has. Sources and
licences: examples/README.md.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from sample.originals import dicom_file, package_file

SIDE = 160
OUT = Path(__file__).parents[1] / "include" / "medsift" / "encoders" / "selftest"


def from_skimage(name: str) -> Image.Image:
    return Image.open(package_file("skimage", f"data/{name}"))


def from_pydicom(name: str) -> Image.Image:
    import pydicom

    values = pydicom.dcmread(dicom_file(name)).pixel_array
    grey = np.interp(values, np.percentile(values, (1, 99)), (0, 255))
    return Image.fromarray(np.round(grey).astype(np.uint8))


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "astronaut": partial(from_skimage, "astronaut.png"),
    "cell": partial(from_skimage, "cell.png"),
    "chelsea": partial(from_skimage, "chelsea.png"),
    "coffee": partial(from_skimage, "coffee.png"),
    "ct": partial(from_pydicom, "CT_small.dcm"),
    "microaneurysms": partial(from_skimage, "microaneurysms.png"),
    "mr": partial(from_pydicom, "MR_small.dcm"),
    "retina": partial(from_skimage, "retina.jpg"),
}


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for name, opened in PICTURES.items():
        picture = opened()
        side = min(SIDE, *picture.size)
        ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS).save(OUT / f"{name}.png", optimize=True)
    print(f"{OUT}: {len(PICTURES)} pictures, {sum(path.stat().st_size for path in OUT.iterdir()) // 1000} kB")


if __name__ == "__main__":
    main()
