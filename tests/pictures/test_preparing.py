import hashlib
import io
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.pictures.digests import identity_of_pixels
from medsift.pictures.preparing import Job, Rules, prepare_all
from medsift.pictures.workers import Workers
from medsift.sandbox import Limits

RULES = Rules(max_aspect_ratio=40, max_pixels=5_000_000)


def prepared(workers, *paths, rules=RULES, is_rebuilt=False, min_side=16):
    return list(prepare_all(workers, [Job(path, is_rebuilt, min_side) for path in paths], rules))


def test_a_picture_as_found_keeps_its_bytes_and_their_digest(workers, saved):
    path = saved("a.jpg")
    (result,) = prepared(workers, path)
    assert (result.state, result.width, result.height, result.extension) == ("kept", 320, 240, "jpg")
    assert result.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert result.stored is None
    assert len(result.perceptual_hash) == 16


def test_a_jpeg_without_its_end_marker_is_known_by_its_bytes_and_stored_with_one(workers, saved, tmp_path):
    whole = saved("a.jpg").read_bytes()
    path = tmp_path / "endless.jpg"
    path.write_bytes(whole[:-2])
    (result,) = prepared(workers, path)
    assert (result.state, result.stored) == ("kept", whole)
    assert result.sha256 == hashlib.sha256(whole[:-2]).hexdigest()


def test_a_rebuilt_picture_is_known_by_its_pixels(workers, saved):
    one, other = saved("a.png", compress_level=0), saved("b.png", Image.open(saved("a.png")), compress_level=9)
    results = prepared(workers, one, other, is_rebuilt=True)
    assert results[0].sha256 == results[1].sha256 == identity_of_pixels(Image.open(one))


def test_the_thumbnail_is_a_small_upright_webp(workers, saved):
    exif = Image.Exif()
    exif[0x0112] = 8
    (result,) = prepared(workers, saved("a.jpg", size=(1600, 800), exif=exif))
    thumbnail = Image.open(io.BytesIO(result.thumbnail))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (128, 256))
    assert (result.width, result.height) == (800, 1600)
    assert not thumbnail.getexif()


def test_a_large_jpeg_is_described_as_it_is_though_it_is_decoded_smaller(workers, saved):
    path = saved("a.jpg", size=(2101, 1203))
    (result,) = prepared(workers, path)
    assert (result.width, result.height) == (2101, 1203)
    whole = np.asarray(Image.open(path).convert("L").resize((256, 147)), dtype=float)
    seen = np.asarray(Image.open(io.BytesIO(result.thumbnail)).convert("L").resize((256, 147)), dtype=float)
    assert np.abs(whole - seen).mean() < 8  # another picture, or this one turned, gives 38


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("RGB", (15, 200), "red"), "smallest side kept is 16"),
        (Image.new("RGB", (30, 1300), "red"), "longer than 40 times"),
        (Image.new("RGB", (300, 300), "red"), "same colour"),
        (Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "same colour"),
        (Image.new("1", (3000, 3000)), "5 million"),
    ],
)
def test_a_picture_outside_the_rules_is_rejected_with_its_reason(workers, saved, image, reason):
    (result,) = prepared(workers, saved("a.png", image))
    assert result.state == "rejected"
    assert reason in result.reason


def test_bad_pictures_cost_themselves_and_nothing_else(workers, saved, tmp_path):
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes(saved("a.jpg").read_bytes()[:3000])
    garbage = tmp_path / "garbage.png"
    garbage.write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(500))
    results = prepared(workers, saved("b.png"), truncated, tmp_path / "gone.png", garbage, saved("c.png"))
    assert [result.state for result in results] == ["kept", "failed", "failed", "failed", "kept"]
    assert "truncated" in results[1].reason


def test_a_large_picture_is_stored_as_a_reduced_copy_where_that_is_asked_for(workers, saved):
    rules = Rules(max_aspect_ratio=40, max_pixels=5_000_000, copy_max_px=1000, copy_quality=85)
    path = saved("a.png", size=(2000, 1200))
    large, small = prepared(workers, path, saved("b.png"), rules=rules)
    assert Image.open(io.BytesIO(large.stored)).size == (1000, 600)
    assert (large.width, large.height, large.extension) == (2000, 1200, "jpg")
    assert large.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (small.stored, small.extension) == (None, "png")


def test_a_copy_larger_than_what_was_found_is_not_stored(workers, saved):
    rules = Rules(max_aspect_ratio=40, max_pixels=5_000_000, copy_max_px=1000)
    dots = Image.fromarray((np.indices((1400, 1400)).sum(axis=0) % 2 * 255).astype(np.uint8))
    (result,) = prepared(workers, saved("a.png", dots, optimize=True), rules=rules)
    assert (result.state, result.stored, result.extension) == ("kept", None, "png")


def test_a_picture_over_which_the_child_runs_out_of_memory_fails_alone(saved):
    rules = Rules(max_aspect_ratio=40, max_pixels=178_000_000)
    large = saved("large.png", Image.new("RGB", (8000, 8000), "red"), compress_level=1)
    with Workers(1, Limits(timeout_s=60, memory_mb=384)) as workers:
        results = prepared(workers, saved("a.png"), large, saved("b.png"), rules=rules)
    assert [result.state for result in results] == ["kept", "failed", "kept"]
    assert "memory" in results[1].reason


def test_a_picture_over_which_the_child_dies_fails_alone(saved, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with Workers(1, Limits(timeout_s=60)) as workers:
        results = prepare_all(workers, [Job(path, False, 16) for path in (saved("a.png"), pipe, saved("b.png"))], RULES)
        assert next(results).state == "kept"
        with pipe.open("wb"):  # opens once the child has opened it for reading, and now waits for bytes
            os.kill(workers._sandboxes[0]._child.pid, signal.SIGKILL)
        died, after = results
    assert (died.state, after.state) == ("failed", "kept")
    assert "SIGKILL" in died.reason


def test_a_picture_that_takes_too_long_fails_alone(saved, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with Workers(1, Limits(timeout_s=3)) as workers:
        first, slow, after = prepared(workers, saved("a.png"), pipe, saved("b.png"))
    assert (first.state, slow.state, after.state) == ("kept", "failed", "kept")
    assert "longer than the time allowed" in slow.reason


def test_work_given_up_half_way_ends_its_children(saved):
    path = saved("a.png")
    began = time.monotonic()
    with Workers(2) as workers:
        results = prepare_all(workers, (Job(path, False, 16) for _ in range(10_000)), RULES)
        next(results)
        children = [sandbox._child.pid for sandbox in workers._sandboxes if sandbox._child]
    assert children
    assert time.monotonic() - began < 15
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
