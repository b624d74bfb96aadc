"""A picture that looks like one of an earlier run is linked to it, kept, and linked the same when asked again."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsift.settings import Settings
from medsift.steps import find_pictures, local_context
from medsift.steps.header import RunHeader
from medsift.steps.result import RunResult
from medsift.store import Store

pytestmark = pytest.mark.postgres
Link = Callable[..., dict[str, str | None]]


def textured(path: Path, seed: int, side: int, **options: object) -> Path:
    """A drawn picture with texture, the same at every side."""
    small = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(path, **options)
    return path


@pytest.fixture
def linked(load: Callable[..., Settings]) -> Link:
    """Runs all steps up to `shard`, publishes the pictures, and says what each is a near duplicate of."""
    numbers = itertools.count()

    def run(*sources: Path) -> dict[str, str | None]:
        names = [str(source) for source in sources]
        # Another threshold is another run: the same call would go on with the one before.
        with local_context(load(review_threshold=0.8 + next(numbers) / 100), names, is_stored=True) as context:
            assert context.store is not None
            find_pictures(context, names)
            pictures = RunResult.of(context).pictures
            header = RunHeader.read(context.volume.run_header(context.run_id))
            context.store.publish_pictures(context.run_id, pictures, [], [], [], header.model_set, "prompts")
            return {picture.sha256: picture.near_duplicate_of for picture in pictures}

    return run


def test_a_picture_is_linked_to_one_that_an_earlier_run_stored_and_both_are_kept(
    tmp_path: Path, linked: Link, store: Store
) -> None:
    large, other = textured(tmp_path / "large.png", 1, 300), textured(tmp_path / "other.png", 2, 300)
    first = linked(large, other)
    assert set(first.values()) == {None}
    small = textured(tmp_path / "small.jpg", 1, 150, quality=70)
    ((copy, original),) = linked(small).items()
    assert original in first
    both = {**first, copy: original}
    assert linked(large, other, small) == both
    assert {sha256: link for sha256, _, link in store.perceptual_hashes()} == both


def test_what_is_stored_stays_the_one_that_others_are_linked_to_in_whatever_order_a_later_run_meets_them(
    tmp_path: Path, linked: Link
) -> None:
    (first,) = linked(textured(tmp_path / "z.png", 3, 300))
    later = linked(textured(tmp_path / "a.png", 3, 200), tmp_path / "z.png")
    assert later.pop(first) is None
    assert list(later.values()) == [first]
