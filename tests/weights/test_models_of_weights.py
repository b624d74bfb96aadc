"""Checkpoints of the true shapes with random values: served, fetched or imported, and used as the product does.

Their vectors are those of plain open_clip and torchvision calls on the same files.
"""

import hashlib
import zipfile
from pathlib import Path

import pytest

from medsift.encoders import Profile, load_profile
from medsift.encoders._checkpoint import is_torchscript, torchscript_state
from medsift.encoders._open_clip import load_network
from medsift.encoders._torch import declare_torchvision_operators
from medsift.encoders.clip import ClipEncoder
from medsift.encoders.torchvision_cnns import RECIPES, torchvision_encoder
from medsift.errors import SettingError, WeightsError
from medsift.settings import Settings
from medsift.steps.bring_weights import import_weights, self_test
from medsift.steps.switch_profile import switch_profile
from medsift.volume import Volume
from medsift.weights.fetch import fetch
from medsift.weights.local import find, pins

MODEL = "ViT-B-32-quickgelu"
TEXTS = ["a chest X-ray", "a bar chart with a legend", ""]


@pytest.fixture(scope="module")
def state():
    """Random tensors of CLIP ViT-B/32, most of them float16 as in OpenAI's file."""
    declare_torchvision_operators()
    import open_clip
    import torch
    from open_clip.model import convert_weights_to_fp16

    torch.manual_seed(1)
    network = open_clip.create_model(MODEL, load_weights=False)
    convert_weights_to_fp16(network)
    return network.state_dict()


@pytest.fixture(scope="module")
def scripted(state, tmp_path_factory) -> Path:
    """A TorchScript archive with the attributes OpenAI's has."""
    import torch

    root = torch.nn.Module()
    for name, tensor in state.items():
        *parents, last = name.split(".")
        owner = root
        for parent in parents:
            if not hasattr(owner, parent):
                owner.add_module(parent, torch.nn.Module())
            owner = getattr(owner, parent)
        owner.register_parameter(last, torch.nn.Parameter(tensor, requires_grad=False))
    for name, value in (("input_resolution", 224), ("context_length", 77), ("vocab_size", 49408)):
        root.register_buffer(name, torch.tensor(value))
    path = tmp_path_factory.mktemp("scripted") / "ViT-B-32.pt"
    torch.jit.script(root).save(str(path))
    return path


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_openais_archive_fetched_over_a_broken_line_gives_the_vectors_of_plain_open_clip(
    mirror, scripted, settings, pictures, seen, reference
):
    import open_clip
    import torch

    mirror.data, mirror.cuts = scripted.read_bytes(), [scripted.stat().st_size // 2]
    entry = mirror.entry()
    path = fetch(entry, settings, lambda *_: None)
    assert len(mirror.asked) == 2

    encoder = ClipEncoder(settings, lambda: load_network(MODEL, path), entry.sha256, "openai")
    plain = open_clip.load_openai_model(str(path), precision="fp32", device="cpu")
    transform = open_clip.image_transform(224, is_train=False)
    expected = reference(plain.encode_image, transform, pictures)
    assert encoder.encode_pictures(seen(encoder, pictures)) == pytest.approx(expected, abs=1e-5)
    with torch.inference_mode():
        words = plain.encode_text(open_clip.tokenize(TEXTS))
    words = (words / words.norm(dim=1, keepdim=True)).numpy()
    assert encoder.encode_texts(TEXTS) == pytest.approx(words, abs=1e-5)
    assert encoder.scale == pytest.approx(plain.logit_scale.exp().item())


@pytest.mark.long
def test_another_model_imported_under_its_digest_runs_as_profile_clip(
    state, settings, pictures, seen, reference, tmp_path
):
    import open_clip
    import torch

    file = tmp_path / "open_clip_model.pt"
    torch.save({"state_dict": {f"module.{name}": tensor.float() for name, tensor in state.items()}}, file)
    import_weights(settings, "ViT-B-32", file, sha256=digest_of(file), tag="laion2b_s34b_b79k")
    chosen = {"profile": "clip", "clip_model": "ViT-B-32", "cnn_model": "efficientnet_lite0", "device": "cpu"}
    settings = settings.model_copy(update=chosen)
    assert "no model set yet" in switch_profile(settings, None)[-1]
    profile = load_profile(settings, None)
    assert Volume(settings.volume).self_test(digest_of(file), profile.words.tower.digest).exists()

    plain, _, transform = open_clip.create_model_and_transforms("ViT-B-32", pretrained=str(file))
    expected = reference(plain.eval().encode_image, transform, pictures)
    pixels = {encoder.tower.views[0].size: seen(encoder, pictures) for encoder in profile.encoders}
    vectors = profile.encode_pictures(pixels)
    assert vectors["clip"] == pytest.approx(expected, abs=1e-5)
    assert vectors["efficientnet_lite0"].shape == (4, 1280)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("mobilenet_v2", "MobileNet_V2_Weights.IMAGENET1K_V2"),
        ("resnet50", "ResNet50_Weights.IMAGENET1K_V2"),
        ("efficientnet_b0", "EfficientNet_B0_Weights.IMAGENET1K_V1"),
    ],
)
def test_cnn_encoders_give_the_pooled_features_of_plain_torchvision(name, theirs, settings, pictures, seen, reference):
    declare_torchvision_operators()
    import torch
    import torchvision

    torch.manual_seed(2)
    make = getattr(torchvision.models, name)
    stored = make(weights=None).state_dict()
    network = make(weights=None)
    network.load_state_dict(stored)
    without_head = torch.nn.Sequential(*list(network.eval().children())[:-1])
    if name == "mobilenet_v2":  # torchvision pools within forward
        without_head.append(torch.nn.AdaptiveAvgPool2d(1))
    transform = torchvision.models.get_weight(theirs).transforms()

    encoder = torchvision_encoder(RECIPES[name], settings, lambda: network, "random")
    expected = reference(without_head, transform, pictures)
    assert encoder.encode_pictures(seen(encoder, pictures)) == pytest.approx(expected, abs=1e-5)
    assert encoder.dimension == expected.shape[1]


def test_encoders_of_different_sides_share_one_decoding(settings, pictures, seen):
    declare_torchvision_operators()
    import torchvision

    network = torchvision.models.mobilenet_v2(weights=None)
    small, large = (
        torchvision_encoder(
            RECIPES["mobilenet_v2"], settings.model_copy(update={"image_size": side}), lambda: network, "random"
        )
        for side in (96, 128)
    )
    large.name = "larger"
    profile = Profile("mixed", small, large)
    pixels = {encoder.tower.views[0].size: seen(encoder, pictures) for encoder in profile.encoders}
    vectors = profile.encode_pictures(pixels)
    assert vectors["mobilenet_v2"] == pytest.approx(small.encode_pictures(pixels[96]), abs=1e-6)
    assert vectors["larger"] == pytest.approx(large.encode_pictures(pixels[128]), abs=1e-6)


def test_an_archive_is_read_without_running_what_stands_in_it(scripted, state):
    import torch

    assert is_torchscript(scripted)
    stored = torchscript_state(scripted)
    assert set(state) < set(stored)
    assert all(torch.equal(stored[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("name", ["os\nsystem", "builtins\neval", "torch\nload", "torch.storage\n_load_from_bytes"])
def test_an_archive_that_names_code_is_refused(name, tmp_path):
    path = tmp_path / "evil.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("evil/data.pkl", f"\x80\x02c{name}\nX\x04\x00\x00\x00true\x85R.".encode("latin-1"))
        archive.writestr("evil/constants.pkl", b"")
    with pytest.raises(WeightsError, match="is no archive of tensors alone"):
        torchscript_state(path)


def test_a_pickle_that_names_code_is_refused(settings, tmp_path):
    import torch

    path = tmp_path / "evil.pth"
    torch.save({"weight": torch.nn.Linear(2, 2)}, path)
    with pytest.raises(WeightsError, match="is no file of tensors alone"):
        load_network("ViT-B-32", path)


def test_weights_of_another_shape_are_a_sentence(tmp_path):
    import torch

    path = tmp_path / "other.pth"
    torch.save({"visual.conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="do not fit ViT-B-32"):
        load_network("ViT-B-32", path)


def test_a_file_that_does_not_fit_its_model_is_not_kept(settings, tmp_path):
    import torch

    path = tmp_path / "other.pth"
    torch.save({"visual.conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="knows no training"):
        import_weights(settings, "ViT-B-32", path, sha256=digest_of(path), tag="nobody")
    with pytest.raises(WeightsError, match="do not fit ViT-B-32"):
        import_weights(settings, "ViT-B-32", path, sha256=digest_of(path), tag="laion2b_s34b_b79k")
    volume = Volume(settings.volume)
    assert "ViT-B-32" not in pins(volume)
    with pytest.raises(WeightsError, match="are not here"):
        find(volume, "ViT-B-32")


def test_what_is_not_here_cannot_be_tested(settings):
    with pytest.raises(WeightsError, match="weights mobilenet_v2 are not here"):
        self_test(settings, "mobilenet_v2")


def clip_of(settings: Settings, model: str, tag: str = "") -> ClipEncoder:
    return ClipEncoder(settings.model_copy(update={"clip_model": model}), lambda: None, "none", tag)


def test_preprocessing_is_the_models_own(settings):
    rn50x4 = clip_of(settings, "RN50x4-quickgelu", "openai").tower.views
    assert [(view.size, view.mode, view.resample) for view in rn50x4] == [(288, "crop", "bicubic")]
    clipa = clip_of(settings, "ViT-L-14", "laion2b_s32b_b82k").tower
    assert clipa._mean == (0.5, 0.5, 0.5)
    openai = clip_of(settings, "ViT-L-14-quickgelu", "openai").tower
    assert openai._mean == (0.48145466, 0.4578275, 0.40821073)
    assert clipa.digest != openai.digest


@pytest.mark.parametrize(
    ("model", "tag", "error", "sentence"),
    [
        ("ViT-L-14", "", WeightsError, "with --tag, one of openai, laion400m_e31"),
        ("ViT-L-14", "openai", WeightsError, "it is one of ViT-L-14-quickgelu"),
        ("ViT-B-32", "nobody", WeightsError, "knows no training 'nobody' of ViT-B-32"),
        ("coca_ViT-B-32", "", SettingError, "that writes no texts"),
        ("hf-hub:someone/model", "", SettingError, "a model that open_clip knows"),
        ("ViT-Z-99", "", SettingError, "a model that open_clip knows"),
    ],
)
def test_a_model_that_cannot_be_used_is_a_sentence(settings, model, tag, error, sentence):
    with pytest.raises(error, match=sentence):
        clip_of(settings, model, tag)
