import tomllib

import pytest

from medsift.errors import SettingError, WeightsError
from medsift.settings import Settings
from medsift.steps.switch_profile import switch_profile, with_profile
from medsift.volume import Volume


@pytest.mark.parametrize(
    "text",
    [
        "",
        'device = "cpu"\n',
        '# mine\nprofile = "lite"  # at first\ndevice = "cpu"\n',
        "[min_image_size]\nweb = 100\n",
        'device = "cpu"\n\n[min_image_size]\nweb = 100\nprofile = 3\n',
    ],
)
def test_only_the_profile_changes_in_a_settings_file(text):
    before, after = tomllib.loads(text), tomllib.loads(with_profile(text, "clip"))
    assert after == before | {"profile": "clip"}
    assert with_profile(with_profile(text, "clip"), "lite") == with_profile(text, "lite")


def test_a_settings_file_that_cannot_be_changed_safely_is_a_sentence():
    with pytest.raises(SettingError, match="one line of its own"):
        with_profile('note = """\nprofile = "x"\n"""\n', "clip")


def test_a_profile_whose_weights_are_not_here_is_not_switched_to(plain_settings):
    with pytest.raises(WeightsError, match="medsift weights fetch ViT-B-32-quickgelu"):
        switch_profile(plain_settings.model_copy(update={"profile": "clip"}), None)
    assert not Volume(plain_settings.volume).settings_file.exists()


def test_a_switch_is_what_later_runs_find_and_says_that_the_cost_is_unknown(plain_settings):
    told = switch_profile(plain_settings, None)
    assert "is set in" in told[0]
    assert "No database is up" in told[1]
    loaded = Settings.load({"volume": str(plain_settings.volume)}, {})
    assert (loaded.profile, loaded.origin("profile")) == ("lite", "medsift.toml")


@pytest.mark.postgres
def test_a_switch_counts_the_pictures_that_are_embedded_anew(plain_settings, store):
    assert "0 of 0 stored pictures" in switch_profile(plain_settings, store)[1]
