"""Pictures may be enhanced before models see them; only where that is asked for."""

import numpy as np
import pytest
from PIL import Image

from medsift.encoders import View
from medsift.encoders._tower import NetworkTower
from medsift.errors import SettingError
from medsift.pictures.batches import pixel_batches
from medsift.settings import Settings

PLAIN = {"size": 96, "mode": "squash", "resize": 0, "resample": "bicubic"}


def seen(workers, path, *ways):
    (batch,) = pixel_batches(workers, [("a", path)], [{**PLAIN, "enhance": list(ways)}], 8, 4 * 10**7)
    return batch.pixels[96][0, 0].astype(int)


@pytest.fixture
def pale(saved):
    """A picture whose left half is dark and whose right half is bright, both with little contrast."""
    ramp = np.tile(np.arange(16, dtype=np.uint8), (192, 12))
    pixels = np.where(np.arange(192) < 96, ramp + 20, ramp + 200).astype(np.uint8)
    return saved("pale.png", Image.fromarray(np.repeat(pixels[..., None], 3, axis=2)))


def test_contrast_is_raised_in_every_part_of_a_pale_picture(workers, pale):
    plain, evened = seen(workers, pale), seen(workers, pale, "clahe")
    for half in (slice(10, 40), slice(56, 86)):
        assert evened[:, half].std() > 1.5 * plain[:, half].std()
    assert evened[:, :40].mean() < evened[:, 56:].mean()


def test_specks_are_taken_out(workers, saved):
    pixels = np.full((192, 192, 3), 100, np.uint8)
    pixels[::16, ::16] = 255
    speckled = saved("speckled.png", Image.fromarray(pixels))
    assert seen(workers, speckled).max() > 110
    assert (seen(workers, speckled, "denoise") == 100).all()


def test_a_large_picture_is_enhanced_within_seconds(workers, saved):
    large = saved("large.png", size=(6400, 4800))
    assert seen(workers, large, "clahe", "denoise").shape == (96, 96, 3)


def tower(**values):
    return NetworkTower(
        "small", load=lambda: pytest.fail("not needed"), weights_digest="cd" * 32, views=(View(96, "squash"),),
        mean=(0.5,) * 3, deviation=(0.5,) * 3, width=32, settings=Settings(**values),
    )  # fmt: skip


def test_vectors_of_enhanced_pictures_are_never_taken_for_those_of_others():
    ways = ([], ["clahe"], ["denoise"], ["clahe", "denoise"])
    assert len({tower(enhance=way).digest for way in ways}) == 4
    assert tower(enhance=["denoise", "clahe"]).digest == tower(enhance=["clahe", "denoise"]).digest
    assert tower().views[0].enhance == ()
    assert tower(enhance=["clahe"]).views[0].enhance == ("clahe",)


def test_a_way_that_is_not_known_is_one_sentence():
    with pytest.raises(SettingError, match="enhance"):
        Settings.load({"enhance": "sharpen"}, {})
