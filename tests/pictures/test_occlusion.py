"""Pictures with parts covered, and the map of what that did."""

import io

import numpy as np
import pytest
from PIL import Image

SQUASH = {"size": 96, "mode": "squash", "resize": 0, "resample": "bicubic"}
CELLS = 4


def asked(workers, function, arguments):
    def work(sandbox, given):
        return [data for _, data in sandbox.stream(f"medsift.pictures.occlusion:{function}", given)]

    (answers,) = workers.map(work, [{"max_pixels": 50_000_000, **arguments}])
    return answers


@pytest.fixture
def covered(workers, saved):
    noise = np.random.default_rng(3).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    path = saved("a.png", Image.fromarray(noise))
    answers = asked(workers, "covered_views", {"path": str(path), "views": [SQUASH], "cells": CELLS})
    return [np.frombuffer(pixels, np.uint8).reshape(96, 96, 3) for pixels in answers], noise


def test_the_first_is_the_picture_itself_then_comes_one_a_cell(covered):
    seen, noise = covered
    assert len(seen) == 1 + CELLS * CELLS
    assert (seen[0] == noise).all()


def test_each_window_covers_its_cell_and_nothing_beyond_its_neighbours(covered):
    seen, noise = covered
    side = 96 // CELLS
    for number, pixels in enumerate(seen[1:]):
        row, column = divmod(number, CELLS)
        changed = (pixels != noise).any(axis=2)
        top, left = row * side, column * side
        assert changed[top : top + side, left : left + side].mean() > 0.99
        beyond = np.ones_like(changed)
        beyond[max(0, top - side) : top + 2 * side, max(0, left - side) : left + 2 * side] = False
        assert not changed[beyond].any()


def test_what_speaks_for_is_red_and_what_speaks_against_is_blue(workers, saved):
    path = saved("a.png", Image.new("RGB", (80, 40), (128, 128, 128)))
    (png,) = asked(workers, "heat_map", {"path": str(path), "heat": [[2.0, -2.0], [2.0, -2.0]]})
    shown = Image.open(io.BytesIO(png))
    assert shown.size == (80, 40)
    left, right = np.asarray(shown)[20, 8].astype(int), np.asarray(shown)[20, 72].astype(int)
    assert left[0] > left[2] + 50
    assert right[2] > right[0] + 50


def test_where_nothing_speaks_the_picture_is_left_grey(workers, saved):
    path = saved("a.png", Image.new("RGB", (40, 40), (10, 200, 10)))
    (png,) = asked(workers, "heat_map", {"path": str(path), "heat": [[0.0, 0.0], [0.0, 0.0]]})
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    assert (pixels[..., 0] == pixels[..., 2]).all()
