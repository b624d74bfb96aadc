"""Pictures of one folder or document that are alike have a say in one another's verdict, however they are run."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pymupdf
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from medsift.settings import Settings
from medsift.steps import Context
from medsift.steps.explain import BLANK, BY_ITSELF, Subject, explain, stored_subject
from medsift.steps.local import local_context, sort_sources
from medsift.steps.profile import current_profile, verdict_keys
from medsift.store import Store
from medsift.volume import Volume

SERIES = 8


@pytest.fixture
def series(tmp_path: Path, draw_source: Callable[..., dict[str, str]]) -> Path:
    """The inbox with a folder of pictures of one look."""
    folder = tmp_path / "var" / "inbox"
    draw_source(folder / "series", 5, SERIES)
    return folder


def neighbours(document: dict[str, Any]) -> dict[str, float]:
    said = {picture["sha256"]: picture["votes"]["neighbours"] for picture in document["pictures"]}
    return {sha256: vote for sha256, vote in said.items() if vote is not None}


def judged(document: dict[str, Any]) -> dict[str, float]:
    return {picture["sha256"]: picture["probability"] for picture in document["pictures"]}


def sort(settings: Settings, *sources: Path) -> dict[str, Any]:
    """Without a database."""
    names = list(map(str, sources))
    with local_context(settings, names) as context:
        return sort_sources(context, names).as_json()


def test_a_picture_in_company_has_the_verdict_of_those_alike(series: Path, plain_settings: Settings) -> None:
    document = sort(plain_settings, series)
    said = neighbours(document)
    assert len(said) > SERIES / 2
    assert said == pytest.approx({sha256: judged(document)[sha256] for sha256 in said})


def test_the_log_tells_how_many_pictures_have_company(
    series: Path, plain_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        said = neighbours(sort(plain_settings, series))
    assert f"neighbours: {len(said)} votes, {SERIES - len(said)} abstentions" in caplog.messages


def test_a_picture_alone_is_judged_by_itself(series: Path, plain_settings: Settings) -> None:
    assert neighbours(sort(plain_settings, series / "series" / "000.png")) == {}


def test_pictures_alike_in_folders_of_their_own_are_judged_by_themselves(
    series: Path, plain_settings: Settings
) -> None:
    for picture in sorted((series / "series").iterdir()):
        (series / picture.stem).mkdir()
        picture.rename(series / picture.stem / picture.name)
    assert neighbours(sort(plain_settings, series)) == {}


def test_what_else_is_in_a_run_changes_nothing(
    series: Path, plain_settings: Settings, draw_source: Callable[..., dict[str, str]]
) -> None:
    alone = judged(sort(plain_settings, series / "series"))
    draw_source(series / "more", 5, 2 * SERIES)
    for twin in (series / "more").iterdir():
        if twin.name in {picture.name for picture in (series / "series").iterdir()}:
            twin.unlink()
    assert len(list((series / "more").iterdir())) == SERIES
    together = judged(sort(plain_settings, series))
    assert {sha256: together[sha256] for sha256 in alone} == pytest.approx(alone)


def test_the_pictures_of_a_document_have_company_in_it(series: Path, plain_settings: Settings) -> None:
    pdf = series / "series.pdf"
    with pymupdf.open() as document:
        for picture in sorted((series / "series").iterdir()):
            document.new_page().insert_image(pymupdf.Rect(50, 50, 350, 350), filename=picture)
        document.save(pdf)
    assert len(neighbours(sort(plain_settings, pdf))) > SERIES / 2


@pytest.mark.postgres
def test_what_those_alike_say_is_stored_and_explains_the_verdict_of_the_run(
    series: Path, store: Store, do_run: Callable[..., dict[str, Any]], load: Callable[..., Settings]
) -> None:
    document = do_run("company")
    said = neighbours(document)
    stored = store.votes(said, *verdict_keys(load()))
    assert {vote.sha256: vote.probability for vote in stored if vote.voter == "neighbours"} == pytest.approx(said)
    sha256 = min(said)
    with Context.opened(load(), "") as context:
        explanation = explain(context, stored_subject(context, sha256))
        by_itself = explain(context, Subject(stored_subject(context, sha256).path, "", BLANK))
    assert explanation.verdict.probability == pytest.approx(judged(document)[sha256], abs=1e-4)
    assert explanation.votes[-1].reason.startswith("alike in its folder or document: ")
    assert (by_itself.votes[-1].reason, by_itself.pulls["neighbours"]) == (BY_ITSELF, 0)
    assert explanation.heat == pytest.approx(by_itself.heat, abs=1e-4)
    together, alone = explanation.verdict.probability, by_itself.verdict.probability
    assert (explanation.pulls["neighbours"] > 0) == (together > alone)


@pytest.mark.postgres
def test_a_run_without_database_gives_the_verdicts_of_one_with(
    series: Path, store: Store, do_run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    settings = Settings.load({"volume": str(tmp_path / "other"), "engine": "torch_fp32"}, {})
    Volume(settings.volume).prepare()
    assert judged(sort(settings, series)) == pytest.approx(judged(do_run("company")), abs=1e-4)


@pytest.mark.postgres
def test_a_picture_sorted_again_by_itself_keeps_the_verdict_it_had_in_company(
    series: Path, store: Store, do_run: Callable[..., dict[str, Any]]
) -> None:
    first = do_run("all")
    again = do_run("one", [str(series / "series" / "000.png")])
    (sha256,) = judged(again)
    assert neighbours(again) == pytest.approx({sha256: neighbours(first)[sha256]}, abs=1e-6)
    assert judged(again)[sha256] == pytest.approx(judged(first)[sha256], abs=1e-6)


@pytest.mark.postgres
def test_a_new_file_has_company_in_its_folder_as_if_all_came_at_once(
    series: Path, store: Store, do_run: Callable[..., dict[str, Any]], tmp_path: Path, load: Callable[..., Settings]
) -> None:
    late = tmp_path / "000.png"
    shutil.move(series / "series" / "000.png", late)
    do_run("without")
    shutil.move(late, series / "series" / "000.png")
    document = do_run("with", [str(series / "series" / "000.png")])
    settings = Settings.load({"volume": str(tmp_path / "other"), "engine": "torch_fp32"}, {})
    Volume(settings.volume).prepare()
    at_once = judged(sort(settings, series))
    assert neighbours(document)
    assert judged(document) == pytest.approx({sha256: at_once[sha256] for sha256 in judged(document)}, abs=1e-4)


@pytest.mark.postgres
def test_the_store_knows_the_pictures_of_a_folder_by_the_set_that_judged_them(
    series: Path,
    store: Store,
    do_run: Callable[..., dict[str, Any]],
    load: Callable[..., Settings],
    draw_source: Callable[..., dict[str, str]],
) -> None:
    draw_source(series / "series" / "below", 6, 2)
    folder = series / "series"
    places = store.places_of(judged(do_run("company")))
    own = sorted(place.sha256 or "" for place in places if Path(place.source).parent == folder)
    assert len(own) == SERIES
    keys = (*verdict_keys(load()), current_profile(load()).words.digest)
    assert store.judged_in("folder", str(folder), [], *keys, 100) == own
    assert store.judged_in("folder", str(folder), [], *keys, 3) == own[:3]
    assert store.judged_in("folder", str(series), [], *keys, 100) == []
    for place in places:
        others = store.judged_in("folder", str(folder), [place.source], *keys, 100)
        assert others == [sha256 for sha256 in own if sha256 != place.sha256]
    for position in range(3):
        strange = [*keys[:position], "another", *keys[position + 1 :]]
        assert store.judged_in("folder", str(folder), [], *strange, 100) == []


@pytest.mark.postgres
def test_a_file_that_changed_is_no_witness_of_what_it_is_now(
    series: Path, store: Store, do_run: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    do_run("before")
    changed = series / "series" / "000.png"
    with Image.open(changed) as image:
        image.rotate(180).save(changed)
    document = do_run("after", [str(changed)])
    settings = Settings.load({"volume": str(tmp_path / "other"), "engine": "torch_fp32"}, {})
    Volume(settings.volume).prepare()
    at_once = judged(sort(settings, series))
    assert judged(document) == pytest.approx({sha256: at_once[sha256] for sha256 in judged(document)}, abs=1e-4)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The inbox with slices of one study, hardly different."""
    folder = tmp_path / "var" / "inbox" / "study"
    folder.mkdir(parents=True)
    slice_ = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    for number in range(SERIES):
        slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        slice_.PixelData = np.roll(np.frombuffer(slice_.PixelData, np.int16), number * 128).tobytes()
        slice_.save_as(folder / f"{number}.dcm")
    return folder


@pytest.mark.postgres
def test_a_slice_sorted_again_by_itself_keeps_the_verdict_it_had_in_its_study(
    study: Path, store: Store, do_run: Callable[..., dict[str, Any]]
) -> None:
    first = do_run("all")
    assert len(neighbours(first)) == SERIES
    again = do_run("one", [str(study / "3.dcm")])
    (sha256,) = judged(again)
    assert neighbours(again) == pytest.approx({sha256: neighbours(first)[sha256]}, abs=1e-6)
    assert judged(again)[sha256] == pytest.approx(judged(first)[sha256], abs=1e-6)
