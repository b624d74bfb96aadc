"""Engines: whichever runs a network, its vectors stay those of the reference, and a wrong one is not used."""

import json
import logging
import re
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from medsift.encoders import Judge, View
from medsift.encoders._running import Chooser
from medsift.encoders._selftest import pictures
from medsift.encoders._tower import WORTH_AN_EXPORT, NetworkTower
from medsift.encoders.engines import ENGINES, REFERENCE, Network
from medsift.errors import SettingError, WeightsError
from medsift.settings import Settings

SIDE = 48
MOST_OFF = {"fp32": 1e-4, "bf16": 0.05, "int8": 0.05}  # of the length of a row


def module():
    """A convolution, a transformer's layer and a product: what the networks in use are made of."""
    import torch

    torch.manual_seed(5)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 64, 8, 8), torch.nn.ReLU(), torch.nn.Flatten(2),
        torch.nn.TransformerEncoderLayer(36, 4, 128, batch_first=True), torch.nn.Flatten(1),
        torch.nn.Linear(36 * 64, 32),
    ).eval().requires_grad_(False)  # fmt: skip


@pytest.fixture
def network() -> Network:
    return Network("small", "ab" * 32, module, SIDE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 32)


LENIENT = Judge("lenient", lambda features: ["medical"] * len(features))
PEDANTIC = Judge("pedantic", lambda features: [row.tobytes().hex() for row in features])  # sees every difference


def is_lower(name):
    return ENGINES.get(name).precision != "fp32"


def cpu_engines():
    return [name for name in ENGINES.names() if ENGINES.get(name).runs_on("cpu")]


@pytest.mark.parametrize("name", cpu_engines())
def test_every_engine_gives_the_features_of_the_reference(name, network, tmp_path):
    tested = pictures(SIDE)
    options = {"device": "cpu", "batch_size": 24}
    expected = ENGINES.get(REFERENCE).make(network, folder=None, **options).features(tested)
    first = ENGINES.get(name).make(network, folder=tmp_path, **options).features(tested)
    again = ENGINES.get(name).make(network, folder=tmp_path, **options).features(tested)
    assert (first.dtype, first.shape) == (np.float32, (64, 32))
    off = np.linalg.norm(first - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert off.max() < MOST_OFF[ENGINES.get(name).precision]
    assert np.array_equal(first, again)


@pytest.mark.parametrize("name", cpu_engines())
def test_no_picture_is_no_row(name, network):
    engine = ENGINES.get(name).make(network, device="cpu", batch_size=4, folder=None)
    assert engine.features(np.zeros((0, SIDE, SIDE, 3), np.uint8)).shape == (0, 32)


def test_a_kept_export_is_read_without_the_network(network, tmp_path):
    from dataclasses import replace

    ENGINES.get("openvino_fp32").make(network, device="cpu", batch_size=4, folder=tmp_path)

    def gone():
        raise AssertionError("the network was loaded again")

    kept = ENGINES.get("openvino_fp32").make(replace(network, load=gone), device="cpu", batch_size=4, folder=tmp_path)
    assert kept.features(pictures(SIDE)[:2]).shape == (2, 32)


def test_auto_measures_once_a_machine_and_remembers(network, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    settings = Settings(volume=tmp_path, device="cpu")
    chosen = Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest", LENIENT).choose()
    assert "measured once on this machine" in caplog.text
    (kept,) = (tmp_path / "engines").glob("rates-*.json")
    rates = json.loads(kept.read_text())["pictures_per_second"]
    assert set(rates) <= set(cpu_engines()) and chosen.name == max(rates, key=rates.get)
    assert "openvino_int8" in rates
    caplog.clear()
    again = Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest", LENIENT).choose()
    assert again.name == chosen.name
    assert "measured once" not in caplog.text


def test_a_precision_that_is_too_coarse_for_a_network_is_not_used(network, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("medsift.encoders._selftest.LEAST_COSINE", 1.1)
    settings = Settings(volume=tmp_path, device="cpu")
    chosen = Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest", LENIENT).choose()
    assert not is_lower(chosen.name)


def test_a_precision_that_changes_a_verdict_is_not_used_however_near_its_vectors(network, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    settings = Settings(volume=tmp_path, device="cpu")
    chosen = Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest", PEDANTIC).choose()
    assert not is_lower(chosen.name)
    assert re.search(r"openvino_int8 on cpu.* changes the verdict on \d+ of 64 pictures", caplog.text)


@pytest.mark.parametrize("engine", ["auto", "openvino_fp32"])
def test_it_is_known_beforehand_whether_anything_has_to_be_exported_or_measured(engine, network, tmp_path):
    settings = Settings(volume=tmp_path, device="cpu", engine=engine)
    chooser = Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest", LENIENT)
    assert not chooser.is_ready()
    chooser.choose()
    assert chooser.is_ready()


def test_the_reference_needs_no_preparation_and_an_engine_that_is_not_here_none_in_vain(network, tmp_path):
    for engine in (REFERENCE, "torch_fp16"):
        settings = Settings(volume=tmp_path, device="cpu", engine=engine)
        assert Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest").is_ready()


def test_who_judges_otherwise_has_it_measured_anew(network, tmp_path):
    settings = Settings(volume=tmp_path, device="cpu")
    for judge in (LENIENT, PEDANTIC):
        Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest", judge).choose()
    first, second = (
        json.loads(kept.read_text())["pictures_per_second"]
        for kept in sorted((tmp_path / "engines").glob("rates-*.json"), key=lambda kept: "pedantic" in kept.name)
    )
    assert any(map(is_lower, first)) and not any(map(is_lower, second))


def test_without_a_judge_auto_stays_in_float32(network, tmp_path):
    settings = Settings(volume=tmp_path, device="cpu")
    assert not is_lower(Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest").choose().name)
    assert not list((tmp_path / "engines").glob("openvino-int8-*"))


def test_an_engine_that_is_named_is_used_though_it_changes_verdicts(network, tmp_path):
    settings = Settings(volume=tmp_path, device="cpu", engine="openvino_int8")
    chooser = Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest", PEDANTIC)
    assert chooser.choose().name == "openvino_int8"


def test_an_altered_export_fails_its_self_test_and_the_reference_takes_its_place(network, tmp_path, caplog):
    settings = Settings(volume=tmp_path, device="cpu")
    chooser = Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest", LENIENT)
    chooser.choose()
    for weights in (tmp_path / "engines").glob("openvino-*/model.bin"):
        values = np.frombuffer(weights.read_bytes(), np.uint8).copy()
        values[::7] ^= 0x55
        weights.write_bytes(values.tobytes())
    assert Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest", LENIENT).choose().name == REFERENCE
    assert "is not used" in caplog.text


def test_an_altered_export_of_a_named_engine_is_a_sentence(network, tmp_path):
    settings = Settings(volume=tmp_path, device="cpu", engine="openvino_fp32")
    chooser = Chooser(network, settings, tmp_path / "engines", tmp_path / "selftest")
    chooser.choose()
    (weights,) = (tmp_path / "engines").glob("openvino-fp32-*/model.bin")
    values = np.frombuffer(weights.read_bytes(), np.uint8).copy()
    values[: len(values) // 4 : 4] ^= 0x11
    weights.write_bytes(values.tobytes())
    with pytest.raises(WeightsError, match="openvino_fp32"):
        chooser.choose()


def test_an_engine_this_machine_has_not_is_a_setting_error_that_names_those_it_has(network):
    settings = Settings(device="cpu", engine="torch_fp16")
    with pytest.raises(SettingError, match=r"engine.*torch_fp16.*openvino_fp32.*torch_fp32"):
        Chooser(network, settings, None, None).choose()


def test_openvino_tells_nobody_of_its_use(tmp_path):
    code = (
        "import sys\n"
        "from medsift.encoders.engines.openvino_engine import imported_silent\n"
        "imported_silent()\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
    )
    surroundings = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], env=surroundings, check=True, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def without_volume(folder) -> NetworkTower:
    return NetworkTower(
        "small",
        load=module,
        weights_digest="cd" * 32,
        views=(View(SIDE, "squash"),),
        mean=(0.5, 0.5, 0.5),
        deviation=(0.5, 0.5, 0.5),
        width=32,
        settings=Settings(volume=folder / "none", device="cpu"),
        self_test=lambda digest: folder / "none" / digest,
    )


def test_without_a_volume_nothing_is_kept_and_the_reference_runs(tmp_path):
    tower = without_volume(tmp_path)
    assert tower.engine == REFERENCE
    assert list(tmp_path.iterdir()) == []


def test_without_a_volume_many_pictures_are_worth_an_export_that_is_not_kept(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tower = without_volume(tmp_path)
    assert tower.is_ready()
    assert tower.engine == REFERENCE
    tower.prepare(pictures=WORTH_AN_EXPORT)
    tower.prepare()
    assert tower.engine == "openvino_fp32"
    assert "self-test of small by openvino_fp32" in caplog.text
    assert list(tmp_path.iterdir()) == []
    shown = pictures(SIDE)[:4, None]
    assert tower.features(shown) == pytest.approx(without_volume(tmp_path).features(shown), abs=1e-3)
