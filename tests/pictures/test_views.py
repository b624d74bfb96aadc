import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.pictures.batches import OF_A_JOB, pixel_batches
from medsift.pictures.workers import LEAST_AHEAD, Workers
from medsift.sandbox import Limits

MAX_PIXELS = 50_000_000
SQUASH = {"size": 96, "mode": "squash", "resize": 0, "resample": "bicubic"}
MIRROR = SQUASH | {"mode": "mirror"}
CROP = {"size": 96, "mode": "crop", "resize": 110, "resample": "bilinear"}


def seen(workers, path, *views):
    (batch,) = pixel_batches(workers, [("a", path)], views, 8, MAX_PIXELS)
    return batch.pixels[96][0]


def test_all_views_of_a_picture_come_in_the_order_asked(workers, saved):
    path = saved("a.png")
    squash, mirror, crop = seen(workers, path, SQUASH, MIRROR, CROP)
    assert (squash == np.asarray(Image.open(path).resize((96, 96), Image.Resampling.BICUBIC))).all()
    assert (mirror == squash[:, ::-1]).all()
    assert (crop != squash).any()


@pytest.mark.parametrize("size", [(320, 240), (240, 321), (111, 97), (1000, 40), (97, 97)])
def test_a_crop_is_that_of_torchvision(workers, saved, size):
    path = saved("a.png", size=size)
    image, short = Image.open(path), min(size)
    whole = image.resize((int(110 * size[0] / short), int(110 * size[1] / short)), Image.Resampling.BILINEAR)
    left, top = round((whole.width - 96) / 2), round((whole.height - 96) / 2)
    expected = np.asarray(whole.crop((left, top, left + 96, top + 96)))
    assert (seen(workers, path, CROP)[0] == expected).all()


def test_a_large_jpeg_decoded_at_reduced_size_looks_the_same(workers, saved):
    path = saved("a.jpg", size=(3200, 2400), quality=90)
    expected = np.asarray(Image.open(path).resize((96, 96), Image.Resampling.BICUBIC)).astype(int)
    difference = np.abs(seen(workers, path, SQUASH)[0].astype(int) - expected)
    assert difference.mean() < 1
    assert difference.max() <= 8


def test_grey_and_transparent_pictures_become_three_channels(workers, saved):
    grey = seen(workers, saved("a.png", Image.linear_gradient("L")), SQUASH)[0]
    assert (grey[..., 0] == grey[..., 2]).all()
    assert (seen(workers, saved("b.png", Image.new("LA", (200, 200), (0, 0))), SQUASH) == 255).all()


def test_batches_keep_the_order_and_say_what_failed(workers, saved, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    pictures = [
        (f"{n}", broken if n == 4 else saved(f"{n}.png", Image.new("RGB", (50, 50), (n, 0, 0)))) for n in range(9)
    ]
    batches = list(pixel_batches(workers, pictures, [SQUASH], 3, MAX_PIXELS))
    assert [batch.sha256s for batch in batches] == [["0", "1", "2"], ["3", "5", "6"], ["7", "8"]]
    assert [batch.pixels[96].shape for batch in batches] == [(3, 1, 96, 96, 3)] * 2 + [(2, 1, 96, 96, 3)]
    assert [list(batch.failed) for batch in batches] == [[], ["4"], []]
    assert batches[2].pixels[96][1, 0, 0, 0, 0] == 8


def test_a_picture_is_found_by_a_path_from_here(workers, saved, monkeypatch):
    path = saved("a.png")
    monkeypatch.chdir(path.parent)
    (batch,) = pixel_batches(workers, [("a", Path("a.png"))], [SQUASH], 3, MAX_PIXELS)
    assert batch.sha256s == ["a"]


def test_a_child_stays_for_all_pictures(saved, caplog):
    caplog.set_level(logging.INFO, "medsift.sandbox")
    pictures = [(f"{n}", saved(f"{n}.png", Image.new("RGB", (50, 50)))) for n in range(3 * OF_A_JOB)]
    with Workers(1) as workers:
        list(pixel_batches(workers, pictures, [SQUASH], 8, MAX_PIXELS))
    assert caplog.text.count("started") == 1


def test_a_picture_at_which_the_child_dies_fails_alone(saved):
    large = saved("large.png", Image.new("RGB", (9000, 6000)))
    small = [(f"{n}", saved(f"{n}.png", Image.new("RGB", (50, 50), (n, 0, 0)))) for n in range(7)]
    with Workers(1, Limits(memory_mb=300)) as workers:
        (batch,) = pixel_batches(workers, [*small[:2], ("large", large), *small[2:]], [SQUASH], 8, 10**8)
    assert batch.sha256s == [sha256 for sha256, _ in small]
    assert [int(pixels[0, 0, 0, 0]) for pixels in batch.pixels[96]] == list(range(7))
    assert "memory" in batch.failed["large"]


def test_a_batch_of_nothing_but_failures_has_no_rows(workers, tmp_path):
    (batch,) = pixel_batches(workers, [("a", tmp_path / "gone.png")], [SQUASH], 3, MAX_PIXELS)
    assert batch.pixels[96].shape == (0, 1, 96, 96, 3)
    assert "a" in batch.failed


def test_views_of_several_sides_come_from_one_decoding_side_by_side(workers, saved):
    path, small = saved("a.png"), SQUASH | {"size": 64}
    (batch,) = pixel_batches(workers, [("a", path)], [small, SQUASH, small | {"mode": "mirror"}], 3, MAX_PIXELS)
    assert {side: pixels.shape for side, pixels in batch.pixels.items()} == {
        64: (1, 2, 64, 64, 3),
        96: (1, 1, 96, 96, 3),
    }
    assert (batch.pixels[64][0, 1] == batch.pixels[64][0, 0][:, ::-1]).all()
    assert (batch.pixels[96][0, 0] == seen(workers, path, SQUASH)[0]).all()


@pytest.mark.parametrize("count", [1, 3])
def test_pixels_are_the_same_whatever_the_number_of_workers(saved, count):
    paths = [(f"{n}", saved(f"{n}.jpg")) for n in range(7)]
    with Workers(count) as workers:
        batches = list(pixel_batches(workers, paths, [CROP], 4, MAX_PIXELS))
    pixels = np.concatenate([batch.pixels[96] for batch in batches])
    with Workers(2) as workers:
        again = np.concatenate([batch.pixels[96] for batch in pixel_batches(workers, paths, [CROP], 7, MAX_PIXELS)])
    assert hashlib.sha256(pixels.tobytes()).digest() == hashlib.sha256(again.tobytes()).digest()


def test_jobs_are_drawn_only_as_results_are_taken(workers, saved):
    path, drawn = saved("a.png"), []

    def endless():
        while True:
            drawn.append(len(drawn))
            yield f"{len(drawn)}", path

    batches = pixel_batches(workers, endless(), [SQUASH], 4, MAX_PIXELS)
    next(batches)
    batches.close()
    assert len(drawn) <= OF_A_JOB * (2 * LEAST_AHEAD + 2)
