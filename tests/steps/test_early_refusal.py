"""A wrong encoder or missing weights are a sentence before any file is opened."""

from pathlib import Path

import pytest

from medsift.errors import MedsiftError, SettingError, WeightsError
from medsift.settings import Settings
from medsift.steps import RunResult, find_pictures, local_context, new_run_id, plan_run, sort_sources
from medsift.steps.fit_model_set import fit_model_set

REFUSED = [
    ({"profile": "clip"}, WeightsError, "The weights ViT-B-32-quickgelu are not here. Fetch them with"),
    ({"profile": "clip", "clip_model": "foo"}, SettingError, "Setting clip_model = 'foo': allowed is a model that"),
    ({"cnn_model": "resnet50"}, WeightsError, "The weights resnet50 are not here. Fetch them with"),
    ({"engine": "foo"}, SettingError, "Setting engine = 'foo': allowed is one of auto, openvino_bf16, "),
    ({"cnn_model": "foo"}, SettingError, "Setting cnn_model = 'foo': allowed is one of auto, efficientnet_b0, "),
]  # fmt: skip


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize(("chosen", "error", "sentence"), REFUSED)
def test_nothing_is_extracted_for_an_encoder_that_cannot_be_used(
    chosen: dict[str, str],
    error: type[MedsiftError],
    sentence: str,
    small_world: Path,
    plain_settings: Settings,
    out: Path,
) -> None:
    settings = plain_settings.model_copy(update=chosen)
    for work in (lambda context: sort_sources(context, [str(small_world)]), lambda c: fit_model_set(c, small_world)):
        with pytest.raises(error, match="^" + sentence), local_context(settings, ["."], out=out) as context:
            work(context)
    assert not list(out.rglob("extract"))


def test_nothing_is_extracted_where_the_package_with_the_weights_is_not_installed(
    small_world: Path, plain_settings: Settings, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medsift.weights._find_package", lambda _: None)
    with (
        pytest.raises(WeightsError, match=r"efficientnet_lite0 are not installed .* pip install"),
        local_context(plain_settings, ["."], out=out) as context,
    ):
        sort_sources(context, [str(small_world)])
    assert not list(out.rglob("extract"))


@pytest.mark.postgres
def test_a_plan_of_airflow_is_refused_too(load, inbox: Path) -> None:
    with pytest.raises(WeightsError, match="ViT-B-32-quickgelu are not here"):
        plan_run(load(profile="clip"), new_run_id("refused"), [str(inbox)], "on_demand")


def test_pictures_are_pulled_out_without_any_weights(small_world: Path, plain_settings: Settings) -> None:
    settings = plain_settings.model_copy(update={"profile": "clip"})
    with local_context(settings, ["."]) as context:
        find_pictures(context, [str(small_world / "a.jpg")])
        assert len(RunResult.of(context).pictures) == 1
