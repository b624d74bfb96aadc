"""Sets are kept, promoted and rolled back; none is ever changed."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from medsift.errors import UsageError, WeightsError
from medsift.modelsets import CARD, MANIFEST, Calibration, current, digest_in_use, save, shipped_set
from medsift.modelsets.current_file import EARLIER_KEPT, in_use_to_change
from medsift.modelsets.in_use import before, find, keep, known_sets, promote, roll_back, way_back, workshop
from medsift.volume import Volume, VolumeError


@pytest.fixture
def volume(tmp_path):
    """An empty volume."""
    volume = Volume(tmp_path)
    volume.model_sets.mkdir()
    return volume


def kept(volume, temperature, previous="", profile="lite"):
    built = volume.model_sets / ".built"
    built.mkdir()
    (built / CARD).write_text(f"temperature {temperature}")
    save(
        built, name="t", profile=profile, encoders={}, prompt_set="", spaces=(),
        calibration=Calibration({}, temperature), previous=previous,
    )  # fmt: skip
    model_set = keep(volume, built)
    shutil.rmtree(built, ignore_errors=True)
    return model_set


def test_a_set_that_finds_no_room_is_a_sentence_and_leaves_nothing(volume):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        pytest.raises(VolumeError, match=r"^Cannot write .*modelsets: No space left on device\.$"),
        workshop(volume) as at,
    ):
        (at / CARD).write_text("half")
        raise full
    assert not list(volume.model_sets.iterdir())


def test_a_kept_set_is_not_in_use_until_it_is_promoted(volume):
    model_set = kept(volume, 2.0)
    assert current(volume, "lite").digest == shipped_set("lite").digest
    promote(volume, model_set)
    assert current(volume, "lite") == model_set


def test_rolling_back_leads_through_what_was_in_use_and_at_last_to_the_shipped_one(volume):
    shipped = shipped_set("lite")
    first = kept(volume, 2.0, previous=shipped.digest)
    second = kept(volume, 3.0, previous=shipped.digest)  # fitted to replace what was not in use any more
    for each in (first, second, first):
        promote(volume, each)
    for expected in (second, first, shipped):
        assert way_back(volume, "lite").model_set == expected
        assert roll_back(volume, "lite").model_set == expected == current(volume, "lite")
    assert json.loads((volume.model_sets / "current.json").read_text()) == {}
    with pytest.raises(UsageError, match="is the first"):
        roll_back(volume, "lite")


def test_from_the_shipped_set_promoted_by_hand_it_goes_back_to_the_one_in_use_before(volume):
    ours = kept(volume, 2.0)
    promote(volume, ours)
    promote(volume, shipped_set("lite"))
    assert roll_back(volume, "lite").model_set == ours
    assert roll_back(volume, "lite").model_set == shipped_set("lite")


def test_a_set_promoted_twice_was_put_into_use_once(volume):
    ours = kept(volume, 2.0)
    promote(volume, ours)
    promote(volume, ours)
    assert roll_back(volume, "lite").model_set == shipped_set("lite")


def test_rolling_back_passes_over_sets_that_are_gone_or_altered_and_says_so(volume):
    first, gone, altered, last = (kept(volume, temperature) for temperature in (2.0, 3.0, 4.0, 5.0))
    for each in (first, gone, altered, last):
        promote(volume, each)
    shutil.rmtree(gone.folder)
    manifest = altered.folder / MANIFEST
    manifest.write_text(manifest.read_text().replace("4.0", "4.5"))
    way = roll_back(volume, "lite")
    assert way.model_set == first
    assert way.sentences == [
        f"Model set {each.digest}, in use before, is gone or was altered: passed over." for each in (altered, gone)
    ]


@pytest.mark.parametrize("harm", ["gone", "altered"])
def test_a_set_with_a_file_gone_or_altered_is_neither_promoted_nor_led_back_to(volume, harm):
    first, harmed, last = (kept(volume, temperature) for temperature in (2.0, 3.0, 4.0))
    for each in (first, harmed, last):
        promote(volume, each)
    card = harmed.folder / CARD
    if harm == "gone":
        card.unlink()
    else:
        card.write_text("another card")
    with pytest.raises(WeightsError):
        promote(volume, harmed)
    assert current(volume, "lite") == last
    assert roll_back(volume, "lite").model_set == first


def test_a_set_whose_manifest_was_altered_is_not_found_under_its_new_digest(volume):
    altered = kept(volume, 2.0)
    manifest = altered.folder / MANIFEST
    manifest.write_text(manifest.read_text().replace("2.0", "2.5"))
    assert [each for each in known_sets(volume) if each.folder.parent == volume.model_sets] == []


def test_a_kept_set_that_was_damaged_is_mended_by_keeping_it_again(volume):
    damaged = kept(volume, 2.0)
    (damaged.folder / CARD).unlink()
    again = kept(volume, 2.0)
    again.verify()
    assert again == damaged


def test_two_processes_that_promote_at_once_both_count(volume):
    sets = [kept(volume, 2.0 + number, profile=f"p{number}") for number in range(2)]
    program = (
        "import sys; from pathlib import Path; from medsift.volume import Volume; from medsift.modelsets import load;"
        "from medsift.modelsets.in_use import promote;"
        "promote(Volume(Path(sys.argv[1])), load(Path(sys.argv[2])))"
    )
    for _ in range(3):
        (volume.model_sets / "current.json").unlink(missing_ok=True)
        with in_use_to_change(volume):  # so that both are at the door together
            both = [subprocess.Popen([sys.executable, "-c", program, volume.root, each.folder]) for each in sets]
            time.sleep(1.5)
        assert [process.wait(60) for process in both] == [0, 0]
        assert {digest_in_use(volume, each.profile) for each in sets} == {each.digest for each in sets}


def test_a_set_in_use_that_is_damaged_can_be_rolled_back(volume):
    damaged = kept(volume, 2.0)
    promote(volume, damaged)
    shutil.rmtree(damaged.folder)
    assert roll_back(volume, "lite").model_set == shipped_set("lite")


def test_a_file_of_sets_in_use_without_a_history_is_read_and_leads_to_what_the_set_was_fitted_to_replace(volume):
    first = kept(volume, 2.0)
    second = kept(volume, 3.0, previous=first.digest)
    (volume.model_sets / "current.json").write_text(json.dumps({"lite": second.digest}))
    third = kept(volume, 4.0, previous=first.digest)
    promote(volume, third)
    assert [roll_back(volume, "lite").model_set for _ in range(3)] == [second, first, shipped_set("lite")]


def test_the_history_is_short(volume):
    sets = [kept(volume, float(number)) for number in (2, 3)]
    for number in range(100):
        promote(volume, sets[number % 2])
    assert len(json.loads((volume.model_sets / "current.json").read_text())["earlier"]["lite"]) == EARLIER_KEPT


def test_a_set_that_names_none_before_it_came_after_the_shipped_one(volume):
    assert before(volume, kept(volume, 2.0)) == shipped_set("lite")
    with pytest.raises(UsageError, match="first of profile clip"):
        before(volume, kept(volume, 2.0, profile="clip"))


def test_promoting_changes_nothing_for_other_profiles(volume):
    ours, theirs = kept(volume, 2.0), kept(volume, 2.0, profile="clip")
    promote(volume, ours)
    promote(volume, theirs)
    promote(volume, shipped_set("lite"))
    assert current(volume, "clip") == theirs


def test_a_set_is_found_by_the_beginning_of_its_digest(volume):
    model_set = kept(volume, 2.0)
    assert find(volume, model_set.digest[:8]) == model_set
    assert model_set in known_sets(volume)
    for name in ("", model_set.digest[:3], "0" * 64):
        with pytest.raises(UsageError, match="There is no model set"):
            find(volume, name)


def test_a_set_kept_twice_is_one(volume):
    assert kept(volume, 2.0) == kept(volume, 2.0)


def test_where_the_set_before_is_gone_the_sentence_says_so_and_what_else_there_is(volume):
    with pytest.raises(UsageError, match=r"took the place of, f{64}, is not there any more\. .*promote DIGEST"):
        before(volume, kept(volume, 2.0, previous="f" * 64))


def test_beside_an_altered_set_in_use_the_others_are_listed_and_can_be_promoted(volume):
    other, altered = kept(volume, 2.0), kept(volume, 3.0)
    promote(volume, altered)
    manifest = altered.folder / MANIFEST
    manifest.write_text(manifest.read_text().replace("3.0", "4.0"))
    with pytest.raises(WeightsError, match=r"was altered.*`medsift modelset promote DIGEST`"):
        current(volume, "lite")
    assert other in known_sets(volume)
    assert digest_in_use(volume, "lite") == altered.digest
    promote(volume, other)
    assert current(volume, "lite") == other


@pytest.mark.parametrize(
    "content", ["{bad", "[]", '{"lite": 3}', '"lite"', '{"earlier": []}', '{"earlier": {"lite": [1]}}']
)
def test_a_broken_file_of_sets_in_use_is_a_sentence_wherever_it_is_read(volume, content):
    model_set = kept(volume, 2.0)
    (volume.model_sets / "current.json").write_text(content)
    for read in (
        lambda: current(volume, "lite"),
        lambda: promote(volume, model_set),
        lambda: roll_back(volume, "lite"),
    ):
        with pytest.raises(WeightsError, match=r"current\.json .* Where it is deleted, the sets that ship are in use"):
            read()
