"""Settings: precedence, where a value comes from, and one sentence for each wrong value."""

import json
from pathlib import Path

import pytest

from medsift.errors import SettingError
from medsift.settings import Settings


def test_option_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    (tmp_path / "medsift.toml").write_text("batch_size = 8\nnum_workers = 3\ncluster_count = 12\n")
    environment = {"MEDSIFT_VOLUME": str(tmp_path), "MEDSIFT_BATCH_SIZE": "16", "MEDSIFT_NUM_WORKERS": "4"}
    settings = Settings.load({"batch_size": "64"}, environment)
    assert (settings.batch_size, settings.num_workers, settings.cluster_count) == (64, 4, 12)
    origins = [settings.origin(name) for name in ("batch_size", "num_workers", "cluster_count", "device")]
    assert origins == ["option", "environment", "medsift.toml", "default"]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("device", "gpu", "'auto', 'cpu' or 'cuda'"),
        ("batch_size", "0", "a whole number from 1 to 4096"),
        ("batch_size", "many", "a whole number from 1 to 4096"),
        ("image_size", "7", "0, or a side of 96 to 1024 pixels"),
        ("min_image_size", "pfd=9", "of the kinds web, pdf, folder, dicom"),
        ("min_image_size", "web=-5", "of the kinds web"),
        ("min_image_size", "web=x", "a number, or kind=number with commas between, of the kinds web"),
        ("min_image_size", "web=60,pdf", "a number, or kind=number with commas between, of the kinds web"),
        ("review_threshold", "much", "a number from 0.5 to 1.0"),
        ("medical_recall", "1", "a number above 0.5 and below 1"),
        ("medical_recall", "0.5", "a number above 0.5 and below 1"),
        ("medical_recall", "all", "a number above 0.5 and below 1"),
        ("timezone", "Mars/Olympus", "Europe/Berlin"),
        ("timezone", "Europe", "Europe/Berlin"),
        ("timezone", "../etc/passwd", "Europe/Berlin"),
        ("timezone", "tzdata.zi", "Europe/Berlin"),
        ("min_image_size", "big", "kind=number"),
        ("database_url", "mysql://x", "postgresql://"),
        ("webhook_url", "foo", "http:// or https://"),
        ("colour", "red", "review_threshold"),
    ],
)
def test_wrong_value_is_one_sentence_with_name_value_and_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load({name: value}, {})
    sentence = str(caught.value)
    assert name in sentence
    assert allowed in sentence
    assert "\n" not in sentence
    assert caught.value.exit_status == 2


def test_a_recall_that_stands_in_the_environment_may_be_taken_back_by_an_option() -> None:
    environment = {"MEDSIFT_MEDICAL_RECALL": "0.99"}
    assert Settings.load({}, environment).medical_recall == 0.99
    assert Settings.load({"medical_recall": ""}, environment).medical_recall is None


def test_options_reach_another_process_by_its_environment() -> None:
    given = {"volume": "/data", "min_image_size": "web=50", "allowed_hosts": "wiki,pacs:8443", "batch_size": "8"}
    variables = Settings.load(given, {"MEDSIFT_DEVICE": "cpu"}).options_as_environment()
    assert variables == {
        "MEDSIFT_VOLUME": "/data", "MEDSIFT_MIN_IMAGE_SIZE": "web=50,pdf=64,folder=16,dicom=16",
        "MEDSIFT_ALLOWED_HOSTS": "wiki,pacs:8443", "MEDSIFT_BATCH_SIZE": "8",
    }  # fmt: skip
    again = Settings.load({}, variables)
    assert again.min_image_size["web"] == 50
    assert again.allowed_hosts == ["wiki", "pacs:8443"]


def test_a_name_in_the_environment_that_is_no_setting_is_refused_and_its_value_not_shown() -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load({}, {"MEDSIFT_DATABASE": "postgresql://anna:hush@host/db"})
    sentence = str(caught.value)
    assert sentence.startswith("Setting MEDSIFT_DATABASE = '***': allowed is one of MEDSIFT_ALLOWED_EXTENSIONS, ")
    assert "MEDSIFT_DATABASE_URL" in sentence


def test_what_a_stack_or_another_program_sets_and_what_is_empty_is_let_be() -> None:
    environment = {"MEDSIFT_STACK": "/var/stack", "MEDSIFTER": "1", "MEDSIFT_COLOUR": ""}
    assert Settings.load({}, environment).origin("profile") == "default"


def test_wrong_secret_is_not_shown_in_its_sentence() -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load({"database_url": "mysql://anna:hush@host/db"}, {})
    assert "hush" not in str(caught.value)


def test_min_image_size_of_one_kind_leaves_the_others() -> None:
    settings = Settings.load({"min_image_size": "web=50"}, {})
    assert settings.min_image_size == {"web": 50, "pdf": 64, "folder": 16, "dicom": 16}
    assert set(Settings.load({"min_image_size": "30"}, {}).min_image_size.values()) == {30}


@pytest.mark.parametrize(
    ("openai", "open_clip"), [("ViT-B/32", "ViT-B-32-quickgelu"), ("ViT-L/14", "ViT-L-14-quickgelu")]
)
def test_clip_models_may_be_spelt_as_openai_does(openai: str, open_clip: str) -> None:
    assert Settings.load({"clip_model": openai}, {}).clip_model == open_clip


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_postgres_address_means_psycopg2(scheme: str) -> None:
    url = Settings.load({"database_url": f"{scheme}://u:p@h:1/d"}, {}).database_url
    assert url == "postgresql+psycopg2://u:p@h:1/d"


def test_settings_of_a_run_have_its_values_and_the_secrets_of_this_process(tmp_path: Path) -> None:
    planned = Settings.load({"batch_size": 7, "database_url": "postgresql://a:b@h/d"}, {})
    saved = tmp_path / "settings.json"
    saved.write_text(json.dumps(planned.public()))
    assert "a:b" not in saved.read_text()
    here = Settings.load({"database_url": "postgresql://c:d@h/d"}, {})
    of_run = here.of_run(saved)
    assert of_run.batch_size == 7
    assert "c:d" in of_run.database_url


def test_broken_settings_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "medsift.toml").write_text("batch_size = = 8")
    with pytest.raises(SettingError, match=r"medsift\.toml"):
        Settings.load({}, {"MEDSIFT_VOLUME": str(tmp_path)})


def test_an_option_for_one_run_does_not_change_the_standing_profile(tmp_path: Path) -> None:
    (tmp_path / "medsift.toml").write_text('profile = "clip"\n')
    settings = Settings.load({"volume": str(tmp_path), "profile": "lite"}, {})
    assert (settings.profile, settings.standing().profile) == ("lite", "clip")
    saved = tmp_path / "settings.json"
    saved.write_text(json.dumps(settings.public()))
    worker = Settings.load({"volume": str(tmp_path)}, {})
    assert (worker.of_run(saved).profile, worker.of_run(saved).standing().profile) == ("lite", "clip")
    assert Settings.load({"volume": str(tmp_path)}, {"MEDSIFT_PROFILE": "lite"}).standing().profile == "lite"
