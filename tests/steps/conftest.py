"""A small world of real pictures that installed packages carry."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from medsift.modelsets import MANIFEST, ModelSet, save, shipped_set
from medsift.modelsets.in_use import keep, promote
from medsift.modelsets.operating_points import OperatingPoint
from medsift.settings import Settings
from medsift.steps import Trigger, new_run_id, plan_run, run_step
from medsift.volume import Volume
from tests.steps.drawn import drawn_source

AN_HOUR_S = 3600


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two photographs (one twice), two DICOM slices, an icon, a truncated JPEG and a text file."""
    import pydicom.data
    import sklearn.datasets

    folder = tmp_path_factory.mktemp("world")
    images = Path(sklearn.datasets.__file__).parent / "images"
    shutil.copy(images / "china.jpg", folder / "a.jpg")
    shutil.copy(images / "flower.jpg", folder / "b.jpg")
    (folder / "sub").mkdir()
    shutil.copy(images / "china.jpg", folder / "sub" / "again.jpg")
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(str(pydicom.data.get_testdata_file(name, download=False)), folder / name)
    Image.new("RGB", (10, 10), "red").save(folder / "icon.png")
    (folder / "cut.jpg").write_bytes((images / "flower.jpg").read_bytes()[:20_000])
    (folder / "notes.text").write_text("no picture")
    return folder


@pytest.fixture
def plain_settings(tmp_path: Path) -> Settings:
    """Settings of a volume of its own, without a database; the reference engine needs no export on each volume."""
    return Settings.load({"volume": str(tmp_path / "var"), "engine": "torch_fp32"}, {})


@pytest.fixture
def load(tmp_path: Path, database) -> Callable[..., Settings]:
    """Settings as a worker loads them, with a form's values."""
    own = {"volume": str(tmp_path / "var"), "database_url": database.task, "engine": "torch_fp32"}
    return lambda **form: Settings.load(own | form, {})


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """The inbox with two drawn pictures, `0.png` and `1.png`, that are old enough for the night."""
    from medsift.encoders._selftest import drawn_pictures

    folder = tmp_path / "var" / "inbox"
    folder.mkdir(parents=True)
    for number, picture in enumerate(drawn_pictures(96)[:2]):
        Image.fromarray(picture).save(folder / f"{number}.png")
        make_older(folder / f"{number}.png")
    return folder


def make_older(path: Path) -> None:
    """As if it had lain there for an hour."""
    os.utime(path, (time.time() - AN_HOUR_S,) * 2)


@pytest.fixture
def age() -> Callable[[Path], None]:
    """Makes a file an hour old."""
    return make_older


@pytest.fixture
def do_run(load: Callable[..., Settings]) -> Callable[..., dict[str, Any]]:
    """A whole run as Airflow's tasks do it, on demand over the inbox or a night; its document as `report` leaves it."""

    def do(name: str, sources: Iterable[str] = (".",), trigger: Trigger = "on_demand", **form: Any) -> dict[str, Any]:
        run_id = new_run_id(name)
        batches = plan_run(load(**form), run_id, list(sources), trigger)["batches"]
        for entry in batches:
            run_step(load(), run_id, "extract", batch=entry["batch"])
            run_step(load(), run_id, "preprocess", batch=entry["batch"])
        for entry in run_step(load(), run_id, "shard", batches=[entry["batch"] for entry in batches])["shards"]:
            run_step(load(), run_id, "embed", shard=entry["shard"])
        for step in ("cluster", "score", "ensemble", "publish", "report"):
            run_step(load(), run_id, step)
        document = json.loads((Volume(load().volume).report(run_id) / "result.json").read_text())
        return dict(document)

    return do


@pytest.fixture
def draw_source() -> Callable[[Path, int, int], dict[str, str]]:
    """Draws a source of pictures that no model set has seen the like of: folder, number of its look, pictures."""
    return drawn_source


@pytest.fixture
def use_points() -> Callable[..., ModelSet]:
    """Puts the shipped set into use with other operating points: settings, then the points."""

    def use(settings: Settings, *points: OperatingPoint) -> ModelSet:
        ours, volume = shipped_set("lite"), Volume(settings.volume)
        assert ours is not None
        volume.model_sets.mkdir(parents=True, exist_ok=True)
        built = shutil.copytree(ours.folder, volume.model_sets / ".built", ignore=shutil.ignore_patterns(MANIFEST))
        save(
            built, name="priced", profile="lite", encoders=ours.encoder_digests, prompt_set=ours.prompt_set,
            spaces=ours.spaces, calibration=replace(ours.calibration, points=points), previous=ours.digest,
        )  # fmt: skip
        model_set = keep(volume, built)
        promote(volume, model_set)
        return model_set

    return use
