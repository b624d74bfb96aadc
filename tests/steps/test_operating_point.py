"""The operating point: from which P(medical) on a picture is called medical, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medsift.errors import SettingError
from medsift.evaluation.manifest import ManifestRow
from medsift.modelsets.operating_points import OperatingPoint
from medsift.settings import Settings
from medsift.steps import Context, local_context, new_run_id, plan_run, sort_sources
from medsift.steps.explain import BLANK, Subject, explain
from medsift.steps.networks import judge_of
from medsift.steps.operating_point import check_operating_point
from medsift.steps.pictures_of_folder import evaluate_folder
from medsift.steps.profile import current_model_set, current_profile
from medsift.steps.refit import why_not_in_runs

PRICE = (0.99, 0.6, 0.4)  # recall, precision and false alarms


def judged(settings: Settings, folder: Path) -> dict[str, dict[str, object]]:
    """The pictures of a run by the name of their first file."""
    with local_context(settings, [str(folder)]) as context:
        pictures = sort_sources(context, [str(folder)]).as_json()["pictures"]
    return {Path(picture["occurrences"][0]["path"]).name: picture for picture in pictures}


@pytest.fixture
def photographs(small_world: Path, tmp_path: Path) -> Path:
    """Two photographs, neither of them medical."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes((small_world / name).read_bytes())
    return folder


def test_what_reaches_the_threshold_of_the_recall_is_medical_and_goes_to_review(
    photographs: Path, plain_settings: Settings, use_points: Callable[..., object]
) -> None:
    before = judged(plain_settings, photographs)
    likely, unlikely = sorted(before, key=lambda name: -float(str(before[name]["probability"])))
    probability = float(str(before[likely]["probability"]))
    use_points(plain_settings, OperatingPoint(0.9, 0.5, *PRICE), OperatingPoint(0.99, probability - 1e-9, *PRICE))
    after = judged(plain_settings.model_copy(update={"medical_recall": 0.99}), photographs)
    assert [before[name]["verdict"] for name in (likely, unlikely)] == ["non-medical", "non-medical"]
    assert (after[likely]["verdict"], after[likely]["needs_review"]) == ("medical", True)
    assert after[likely]["confidence"] == after[likely]["probability"] == pytest.approx(probability)
    assert after[unlikely] == before[unlikely]
    assert judged(plain_settings.model_copy(update={"medical_recall": 0.9}), photographs) == before


def test_the_explained_verdict_is_that_of_the_operating_point(
    photographs: Path, plain_settings: Settings, use_points: Callable[..., object]
) -> None:
    use_points(plain_settings, OperatingPoint(0.99, 0.0, *PRICE))
    settings = plain_settings.model_copy(update={"medical_recall": 0.99})
    with Context.opened(settings, "", is_stored=False) as context:
        explanation = explain(context, Subject(photographs / "a.jpg", "", BLANK))
    assert explanation.verdict.verdict == "medical"
    assert explanation.verdict.confidence == explanation.verdict.probability < 0.5


def test_an_evaluation_counts_the_thresholds_of_the_set_on_its_pictures(
    photographs: Path, plain_settings: Settings, use_points: Callable[..., object], tmp_path: Path
) -> None:
    use_points(plain_settings, OperatingPoint(0.99, 0.0, *PRICE))
    rows = [ManifestRow("a.jpg", "medical"), ManifestRow("b.jpg", "non-medical")]
    for strategy, thresholds in (("weighted_log_odds", [0.5, 0.0]), ("majority", [])):
        settings = plain_settings.model_copy(update={"strategy": strategy})
        with local_context(settings, ["evaluate"]) as context:
            metrics, _ = evaluate_folder(context, rows, photographs, tmp_path / "out")
        assert [point["threshold"] for point in metrics["operating_points"]] == thresholds
    with local_context(plain_settings, ["evaluate"]) as context:
        metrics, _ = evaluate_folder(context, rows, photographs, tmp_path / "out")
    assert metrics["operating_points"][1] == {
        "asked": 0.99, "threshold": 0.0, "recall": 1.0, "precision": 0.5, "false_alarms": 1.0,
    }  # fmt: skip


REFUSED = [
    ({"medical_recall": 0.95}, "allowed is one of 0.9, 0.99, or no value: the model set priced "),
    ({"medical_recall": 0.99, "strategy": "majority"}, "allowed is no value with strategy majority, a recall with "),
]  # fmt: skip


@pytest.mark.parametrize(("chosen", "sentence"), REFUSED)
def test_a_recall_nothing_is_known_of_is_refused_before_any_work(
    chosen: dict[str, object],
    sentence: str,
    photographs: Path,
    plain_settings: Settings,
    use_points: Callable[..., object],
    tmp_path: Path,
) -> None:
    use_points(plain_settings, OperatingPoint(0.9, 0.5, *PRICE), OperatingPoint(0.99, 0.1, *PRICE))
    settings = plain_settings.model_copy(update=chosen)
    with (
        pytest.raises(SettingError, match=sentence) as caught,
        local_context(settings, ["."], out=tmp_path / "out") as context,
    ):
        sort_sources(context, [str(photographs)])
    assert caught.value.exit_status == 2
    assert not list((tmp_path / "out").rglob("extract"))
    with pytest.raises(SettingError, match=sentence), Context.opened(settings, "", is_stored=False) as context:
        explain(context, Subject(photographs / "a.jpg", "", BLANK))


def test_a_set_without_operating_points_takes_no_recall_and_a_refit_without_them_stays_out_of_use(
    photographs: Path, plain_settings: Settings, use_points: Callable[..., object]
) -> None:
    use_points(plain_settings)
    settings = plain_settings.model_copy(update={"medical_recall": 0.99})
    with pytest.raises(SettingError, match=r"medical_recall = 0.99: allowed is no value: the model set priced "):
        judged(settings, photographs)
    model_set = current_model_set(settings)
    assert model_set is not None
    assert "allowed is no value" in why_not_in_runs(settings, model_set)
    assert why_not_in_runs(plain_settings, model_set) == ""


def test_a_profile_without_a_model_set_takes_no_recall(plain_settings: Settings) -> None:
    settings = plain_settings.model_copy(update={"medical_recall": 0.99, "profile": "clip"})
    with pytest.raises(SettingError, match="allowed is no value: profile clip has no model set"):
        check_operating_point(settings)


def test_networks_load_for_a_fit_whatever_recall_runs_are_asked_for(
    plain_settings: Settings, use_points: Callable[..., object]
) -> None:
    use_points(plain_settings)
    settings = plain_settings.model_copy(update={"medical_recall": 0.99})
    profile = current_profile(settings)
    (tower,) = profile.towers
    labels = judge_of(settings, profile, tower).labels(np.ones((2, tower.width), np.float32))
    assert len(labels) == 2


@pytest.mark.postgres
def test_a_plan_of_airflow_is_refused_too(
    load: Callable[..., Settings], inbox: Path, use_points: Callable[..., object]
) -> None:
    use_points(load())
    with pytest.raises(SettingError, match=r"medical_recall = 0.99: allowed is no value"):
        plan_run(load(medical_recall="0.99"), new_run_id("refused"), [str(inbox)], "on_demand")


@pytest.mark.postgres
def test_another_recall_is_for_runs_on_demand_and_the_night_leaves_verdicts_as_they_are(
    load: Callable[..., Settings], inbox: Path, do_run, use_points: Callable[..., object], store
) -> None:
    model_set = use_points(load(), OperatingPoint(0.99, 0.0, *PRICE))

    def stored() -> list[str]:
        said = store.verdicts(
            [picture["sha256"] for picture in first["pictures"]], model_set.digest, model_set.prompt_set
        )
        return [verdict.verdict for verdict in said.values()]

    first = do_run("first")
    assert stored() == [picture["verdict"] for picture in first["pictures"]]
    assert "non-medical" in stored()
    night = do_run("night", sources=(), trigger="nightly", medical_recall="0.99")
    assert night["counts"]["pictures"]["kept"] == 0
    assert "non-medical" in stored()
    again = do_run("again", medical_recall="0.99")
    assert again["counts"]["sources"]["unchanged"] == 2
    assert set(stored()) == {"medical"}
