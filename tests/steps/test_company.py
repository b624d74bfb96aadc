"""Pictures of a run that are alike have a say in one another's verdict, wherever and however it is run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medsift.settings import Settings
from medsift.steps import Context
from medsift.steps.explain import BLANK, BY_ITSELF, Subject, explain, stored_subject
from medsift.steps.local import local_context, sort_sources
from medsift.steps.profile import verdict_keys
from medsift.store import Store
from medsift.volume import Volume

SERIES = 8


@pytest.fixture
def series(tmp_path: Path, draw_source: Callable[..., dict[str, str]]) -> Path:
    """The inbox with pictures of one look."""
    folder = tmp_path / "var" / "inbox"
    draw_source(folder / "series", 5, SERIES)
    return folder


def neighbours(document: dict[str, Any]) -> dict[str, float]:
    said = {picture["sha256"]: picture["votes"]["neighbours"] for picture in document["pictures"]}
    return {sha256: vote for sha256, vote in said.items() if vote is not None}


def test_a_picture_in_company_has_the_verdict_of_those_alike(series: Path, plain_settings: Settings) -> None:
    with local_context(plain_settings, [str(series)]) as context:
        document = sort_sources(context, [str(series)]).as_json()
    said = neighbours(document)
    assert len(said) > SERIES / 2
    judged = {picture["sha256"]: picture["probability"] for picture in document["pictures"]}
    assert said == pytest.approx({sha256: judged[sha256] for sha256 in said})


def test_the_log_tells_how_many_pictures_have_company(
    series: Path, plain_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"), local_context(plain_settings, [str(series)]) as context:
        said = neighbours(sort_sources(context, [str(series)]).as_json())
    assert f"neighbours: {len(said)} votes, {SERIES - len(said)} abstentions" in caplog.messages


def test_a_picture_alone_is_judged_by_itself(series: Path, plain_settings: Settings) -> None:
    source = [str(series / "series" / "000.png")]
    with local_context(plain_settings, source) as context:
        document = sort_sources(context, source).as_json()
    assert neighbours(document) == {}


@pytest.mark.postgres
def test_what_those_alike_say_is_stored_and_explains_the_verdict_of_the_run(
    series: Path, store: Store, do_run: Callable[..., dict[str, Any]], load: Callable[..., Settings]
) -> None:
    document = do_run("company")
    said = neighbours(document)
    stored = store.votes(said, *verdict_keys(load()))
    assert {vote.sha256: vote.probability for vote in stored if vote.voter == "neighbours"} == pytest.approx(said)
    sha256 = min(said)
    (picture,) = (picture for picture in document["pictures"] if picture["sha256"] == sha256)
    with Context.opened(load(), "") as context:
        explanation = explain(context, stored_subject(context, sha256))
        by_itself = explain(context, Subject(stored_subject(context, sha256).path, "", BLANK))
    assert explanation.verdict.probability == pytest.approx(picture["probability"], abs=1e-4)
    assert explanation.votes[-1].reason.startswith("like it in this run: ")
    assert (by_itself.votes[-1].reason, by_itself.pulls["neighbours"]) == (BY_ITSELF, 0)
    assert explanation.heat == pytest.approx(by_itself.heat, abs=1e-4)
    together, alone = explanation.verdict.probability, by_itself.verdict.probability
    assert (explanation.pulls["neighbours"] > 0) == (together > alone)


@pytest.mark.postgres
def test_a_run_without_database_gives_the_verdicts_of_one_with(
    series: Path, store: Store, do_run: Callable[..., dict[str, Any]], load: Callable[..., Settings], tmp_path: Path
) -> None:
    stored = {picture["sha256"]: picture["probability"] for picture in do_run("company")["pictures"]}
    settings = Settings.load({"volume": str(tmp_path / "other"), "engine": "torch_fp32"}, {})
    Volume(settings.volume).prepare()
    with local_context(settings, [str(series)]) as context:
        local = {
            row["sha256"]: row["probability"] for row in sort_sources(context, [str(series)]).as_json()["pictures"]
        }
    assert local == pytest.approx(stored, abs=1e-4)
