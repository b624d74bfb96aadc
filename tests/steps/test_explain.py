"""Why a picture got its verdict: by a file alone, and with all that Postgres knows of a stored one."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medsift.contracts import Picture
from medsift.errors import PictureError, UsageError
from medsift.settings import Settings
from medsift.steps import Context
from medsift.steps.explain import ALIKE, BLANK, CELLS, Explanation, Subject, explain, stored_subject
from medsift.steps.local import local_context, sort_sources
from medsift.store import LabelRow, RunRecord, Store
from medsift.voters import VOTERS


def explained_file(settings: Settings, path: Path) -> Explanation:
    with Context.opened(settings, "", is_stored=False) as context:
        return explain(context, Subject(path, "", BLANK))


@pytest.fixture(scope="module")
def ct(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slice as a PNG."""
    import pydicom

    pixels = pydicom.dcmread(small_world / "CT_small.dcm").pixel_array.astype(float)
    grey = 255 * (pixels - pixels.min()) / np.ptp(pixels)
    path = tmp_path_factory.mktemp("slices") / "ct.png"
    Image.fromarray(grey.astype(np.uint8)).resize((256, 256)).save(path)
    return path


@pytest.fixture
def explanation(ct: Path, plain_settings: Settings) -> Explanation:
    return explained_file(plain_settings, ct)


def test_the_verdict_is_that_of_a_run(explanation: Explanation, ct: Path, plain_settings: Settings) -> None:
    source = [str(ct)]
    with local_context(plain_settings, source) as context:
        (picture,) = sort_sources(context, source).as_json()["pictures"]
    verdict = explanation.verdict
    assert (verdict.verdict, verdict.kind) == (picture["verdict"], picture["kind"])
    assert verdict.probability == pytest.approx(picture["probability"], abs=1e-4)


def test_every_voter_speaks_and_who_abstains_moves_nothing(explanation: Explanation) -> None:
    assert {vote.voter for vote in explanation.votes} == {*VOTERS.names(), "neighbours"}
    silent = {vote.voter for vote in explanation.votes if vote.probability is None}
    assert {"dicom", "caption"} <= silent
    assert all(explanation.pulls[voter] == 0 for voter in silent)
    assert explanation.pulls["kinds"] != 0


def test_the_best_prompts_of_both_sides_are_named_in_order(explanation: Explanation) -> None:
    for side in (True, False):
        cosines = [fit.cosine for fit in explanation.prompts if fit.is_medical == side]
        assert cosines
        assert cosines == sorted(cosines, reverse=True)


def test_a_part_that_carries_the_verdict_outweighs_an_empty_one(
    ct: Path, plain_settings: Settings, tmp_path: Path
) -> None:
    slice_ = Image.open(ct).convert("RGB")
    ground = tuple(int(value) for value in np.asarray(slice_).mean((0, 1)))  # what covers a part, too
    sheet = Image.new("RGB", (512, 256), ground)
    sheet.paste(slice_, (0, 0))
    sheet.save(tmp_path / "half.png")
    heat = np.abs(explained_file(plain_settings, tmp_path / "half.png").heat)
    assert heat.shape == (CELLS, CELLS)
    assert heat[:, : CELLS // 2].mean() > heat[:, CELLS // 2 + 1 :].mean()


def test_the_map_is_a_png_of_the_pictures_shape(explanation: Explanation) -> None:
    assert Image.open(io.BytesIO(explanation.png)).size == (256, 256)


def test_what_is_no_picture_is_said(plain_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("nothing")
    with pytest.raises(PictureError):
        explained_file(plain_settings, tmp_path / "a.png")


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (Image.new("RGB", (10, 10), "red"), "It is 10 x 10 pixels; the smallest side kept is 16."),
        (Image.new("RGB", (96, 96), "red"), "All its pixels have the same colour."),
        (Image.radial_gradient("L").resize((20, 900)), "It is 20 x 900 pixels; longer than 40 times its other side."),
    ],
    ids=["small", "blank", "long"],
)
def test_what_a_run_would_reject_is_refused_with_its_reason_before_networks_are_loaded(
    picture: Image.Image, reason: str, plain_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medsift.steps.explain.loaded_profile", lambda _: pytest.fail("no network is needed"))
    picture.save(tmp_path / "a.png")
    with pytest.raises(PictureError) as refused:
        explained_file(plain_settings, tmp_path / "a.png")
    assert (str(refused.value), refused.value.state) == (reason, "rejected")


@pytest.mark.postgres
def test_a_stored_picture_is_compared_with_others_and_what_is_said_of_them(
    inbox: Path, load: Callable[..., Settings], do_run: Callable[..., dict[str, Any]], store: Store
) -> None:
    first, second = (picture["sha256"] for picture in do_run("one")["pictures"])
    store.add_labels([LabelRow(second, "unsure", "anna")])
    with Context.opened(load(), "") as context:
        subject = stored_subject(context, first)
        assert subject.path.is_file()
        alike = explain(context, subject).alike
    assert [(each.sha256, each.label, each.decided_by) for each in alike] == [(second, "unsure", "person")]
    assert len(alike) <= ALIKE


@pytest.mark.postgres
def test_an_identity_that_is_not_stored_is_refused_by_name(load: Callable[..., Settings]) -> None:
    with Context.opened(load(), "") as context, pytest.raises(UsageError, match="f" * 64):
        stored_subject(context, "f" * 64)


@pytest.mark.postgres
def test_the_beginning_of_an_identity_names_a_picture_while_no_other_begins_so(
    load: Callable[..., Settings], store: Store
) -> None:
    first, second = ("abcdef".ljust(64, digit) for digit in "0f")
    store.begin_run(RunRecord("r", datetime(2026, 3, 1, tzinfo=UTC), "lite", "m", "p"))
    pictures = [Picture(sha256, 96, 96, "png", sha256, 1, sha256[:16]) for sha256 in (first, second)]
    store.publish_pictures("r", pictures, [], [], [], "m", "p")
    with Context.opened(load(), "") as context:
        assert [stored_subject(context, said).sha256 for said in ("ABCDEF0", "abcdeff", second)] == [
            first, second, second,
        ]  # fmt: skip
        with pytest.raises(UsageError, match=r"Several stored pictures begin with abcdef\. Give more"):
            stored_subject(context, "abcdef")
