"""The one road from encoded bytes to pixels. Runs in the sandbox child only.

Whatever the file is, the result is what a person sees in a viewer: upright, on white where it is transparent, in
sRGB, 8 bits, `RGB` or `L`.
"""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, ExifTags, Image, ImageCms, ImageOps, TiffImagePlugin, UnidentifiedImageError

from medsift.errors import PictureError
from medsift.pictures._tiff_samples import loaded
from medsift.pictures.jpeg_end import with_end
from medsift.pictures.quality import check_pixels

EXTENSIONS = {
    "JPEG": "jpg",
    "MPO": "jpg",  # a JPEG with further pictures behind it; Pillow renames what it opens as JPEG
    "PNG": "png",
    "TIFF": "tif",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "JPEG2000": "jp2",
    "AVIF": "avif",
}
FORMATS = [name for name in EXTENSIONS if name != "MPO"]
WHITE_IS_ZERO = 0  # value of the TIFF tag PhotometricInterpretation
PHOTOMETRIC_TAG = 262
# What Pillow's readers are known to raise over damaged files; anything else ends the child and is reported there.
DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, struct.error, EOFError, LookupError, TypeError, ArithmeticError, RuntimeError,
)  # fmt: skip
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a sandbox child may start no thread


def decode(data: bytes, max_pixels: int) -> Image.Image:
    """The first frame of an encoded picture, normalised to `RGB` or `L`; raises `PictureError`."""
    return normalised(open_picture(data, max_pixels))


def open_picture(data: bytes, max_pixels: int) -> Image.Image:
    """The picture opened, its pixels not read yet; raises `PictureError` (rejected above `max_pixels`)."""
    with _decoder_errors(max_pixels):
        image = Image.open(BytesIO(data), formats=FORMATS)
    check_pixels(*image.size, max_pixels)
    with _decoder_errors(max_pixels):
        whole = with_end(data)
        return image if whole is data else Image.open(BytesIO(whole), formats=FORMATS)


def normalised(image: Image.Image) -> Image.Image:
    """Pixels as a viewer shows them: upright, opaque, sRGB, 8 bits, mode `RGB` or `L`; raises `PictureError`."""
    with _decoder_errors(image.size[0] * image.size[1]):
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            is_negative = image.tag_v2.get(PHOTOMETRIC_TAG) == WHITE_IS_ZERO
            image = loaded(image)
        else:
            is_negative = False
            image.load()
        return _to_srgb(_opaque(_eight_bits(_upright(image), is_negative)))


@contextmanager
def _decoder_errors(max_pixels: int) -> Iterator[None]:
    limit_before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except UnidentifiedImageError:
        raise PictureError("It is no picture of a format that is read.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise PictureError(f"It has more than {max_pixels / 1e6:g} million pixels.", "rejected") from None
    except DECODER_ERRORS as error:
        if "truncated" in str(error).lower():
            raise PictureError("The picture is truncated: its file ends too early.") from None
        raise PictureError(f"The picture is damaged and cannot be decoded ({type(error).__name__}).") from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit_before


def _upright(image: Image.Image) -> Image.Image:
    if orientation(image) == 1:
        return image  # which Pillow would copy
    try:
        return ImageOps.exif_transpose(image)
    except DECODER_ERRORS:  # a broken EXIF block says nothing about the pixels, which are good
        return image


def orientation(image: Image.Image) -> int:
    """How a viewer turns the picture, 1 to 8 as in EXIF; 1 where the file does not say so in a way that is read."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except DECODER_ERRORS:
        return 1


def _eight_bits(image: Image.Image, is_negative: bool) -> Image.Image:
    if image.mode != "F" and not image.mode.startswith("I"):
        return image  # Pillow inverts 8 bits and fewer itself where a TIFF says that white is zero
    grey = windowed(np.asarray(image))
    return Image.fromarray(255 - grey if is_negative else grey)


def windowed(values: NDArray[Any], counted: NDArray[Any] | None = None) -> NDArray[np.uint8]:
    """Grey values of any range to 0..255, uint8, same shape.

    From the 0.5th to the 99.5th percentile: such files seldom fill their range (12 bits of 16 are usual), and a few
    hot pixels or a burnt-in mark would turn a minimum-to-maximum window black. Where nearly all pixels are equal
    the percentiles meet, and the whole range is taken. `counted`: those of the values that the percentiles are of.
    """
    numbers = values.astype(np.float32)
    basis = numbers if counted is None or not counted.size else counted.astype(np.float32)
    finite = basis[np.isfinite(basis)]
    if not finite.size:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(finite[:: max(1, finite.size // 2**20)], [0.5, 99.5])
    if high <= low:
        low, high = finite.min(), finite.max()
    scaled = (np.nan_to_num(numbers, nan=low, posinf=high, neginf=low) - low) / max(float(high - low), 1e-30)
    eight: NDArray[np.uint8] = (scaled.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return eight


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    is_grey = image.mode in ("1", "L", "LA", "La")
    layer = image.convert("RGBA")
    result = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("L" if is_grey else "RGB")
    result.info = {"icc_profile": image.info.get("icc_profile")}
    return result


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA", "YCbCr", "HSV", "RGBX"):
        image = image.convert("RGB")
    elif image.mode == "1":
        image = image.convert("L")
    try:
        if image.mode == "LAB":
            return _transformed(image, ImageCms.createProfile("LAB"))
        if profile:
            image = _by_profile(image, profile)
    except (ImageCms.PyCMSError, *DECODER_ERRORS):  # a broken profile: plain conversion is what viewers do, too
        pass
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _by_profile(image: Image.Image, encoded: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(BytesIO(encoded))
    space = profile.profile.xcolor_space.strip()
    is_srgb = "srgb" in (profile.profile.profile_description or "").lower()
    if is_srgb or {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(space) != image.mode:
        return image
    return _transformed(image, profile)


def _transformed(image: Image.Image, profile: Any) -> Image.Image:
    result = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if result is None:
        return image
    return result.convert("L") if image.mode == "L" else result
