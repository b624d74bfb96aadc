import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from medsift.encoders import View
from medsift.encoders._selftest import REAL, SelfTest, pictures
from medsift.encoders._tower import NetworkTower
from medsift.errors import WeightsError
from medsift.settings import Settings
from medsift.volume import Volume

WEIGHTS = "ab" * 32


def tower(volume, *, spoilt=0.0, digest=WEIGHTS):
    """A small network; `spoilt` is added to its values, as an accelerator that computes wrongly would."""
    import torch

    class Spoilt(torch.nn.Sequential):
        def forward(self, inputs):
            values = super().forward(inputs)
            return values + spoilt * torch.arange(values.shape[1])

    torch.manual_seed(4)
    network = Spoilt(torch.nn.Conv2d(3, 8, 7, 5), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(16))
    network(torch.zeros(1, 3, 48, 48))
    return NetworkTower(
        "small",
        load=lambda: network.eval().requires_grad_(False),
        weights_digest=digest,
        views=(View(48, "squash"),),
        mean=(0.5, 0.5, 0.5),
        deviation=(0.5, 0.5, 0.5),
        width=16,
        settings=Settings(volume=volume.root, device="cpu", engine="torch_fp32"),
        self_test=partial(volume.self_test, digest),
    )


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path)


def made_elsewhere(path):
    """The same reference, as if another machine's torch had written it."""
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    with safe_open(path, "np") as file:
        told = file.metadata()
    save_file(load_file(path), path, told | {"maker": "torch_fp32 on cpu, torch 1.7"})


def test_its_pictures_are_always_the_same_and_all_different():
    tested = pictures(224)
    assert (tested.shape, tested.dtype) == ((64, 224, 224, 3), np.uint8)
    assert len({picture.tobytes() for picture in tested}) == 64
    assert hashlib.sha256(tested.tobytes()).hexdigest().startswith("628cb231c1bd40c1")
    assert pictures(288).shape == (64, 288, 288, 3)


def test_its_real_pictures_are_small_and_named_with_source_and_licence():
    rows = (Path(__file__).parents[2] / "examples" / "README.md").read_text(encoding="utf-8")
    files = sorted(REAL.iterdir())
    assert len(files) == 8
    assert sum(file.stat().st_size for file in files) < 400_000
    assert [file.name for file in files if f"| `{file.name}` |" not in rows] == []


def test_a_reference_of_other_pictures_is_made_anew_and_not_compared(volume):
    from safetensors.numpy import save_file

    first = tower(volume)
    first.prepare()
    path = volume.self_test(WEIGHTS, first.digest)
    save_file({"features": np.ones((64, 16), np.float32)}, path, {"maker": "torch_fp32 on cpu, torch 1.7"})
    tower(volume).prepare()
    assert SelfTest(path)._read()[0] == pytest.approx(first.features(pictures(48)[:, None]), abs=1e-5)


def test_the_reference_is_written_beside_the_weights_at_the_first_load(volume):
    first = tower(volume)
    first.prepare()
    path = volume.self_test(WEIGHTS, first.digest)
    assert path.parent == volume.weights / WEIGHTS
    features, maker = SelfTest(path)._read()
    assert features.shape == (64, 16)
    assert features == pytest.approx(first.features(pictures(48)[:, None]), abs=1e-5)
    assert maker.startswith("torch_fp32 on cpu, torch ")


def test_who_reproduces_the_reference_is_used(volume):
    first = tower(volume)
    first.prepare()
    made_elsewhere(volume.self_test(WEIGHTS, first.digest))
    second = tower(volume)
    assert second.features(pictures(48)[:, None]).shape == (64, 16)


@pytest.mark.parametrize("spoilt", [0.05, float("nan"), float("inf")])
def test_who_computes_wrongly_is_refused_in_a_sentence(volume, spoilt):
    first = tower(volume)
    first.prepare()
    made_elsewhere(volume.self_test(WEIGHTS, first.digest))
    with pytest.raises(WeightsError, match=r"small failed .*torch_fp32 on cpu.* does not give .* torch 1.7"):
        tower(volume, spoilt=spoilt).prepare()


def test_a_damaged_reference_is_a_sentence(volume):
    first = tower(volume)
    first.prepare()
    volume.self_test(WEIGHTS, first.digest).write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="Remove it"):
        tower(volume).prepare()


def test_other_preprocessing_has_a_reference_of_its_own(volume):
    assert volume.self_test(WEIGHTS, "a" * 64) != volume.self_test(WEIGHTS, "b" * 64)
