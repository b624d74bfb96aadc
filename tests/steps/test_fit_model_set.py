import hashlib
from pathlib import Path

import pytest
from PIL import Image

from medsift.encoders._selftest import drawn_pictures
from medsift.encoders._torch import declare_torchvision_operators
from medsift.errors import UsageError
from medsift.modelsets import shipped_set
from medsift.settings import Settings
from medsift.steps import local_context, sort_sources
from medsift.steps.bring_weights import import_weights
from medsift.steps.fit_model_set import UNCALIBRATED, fit_model_set
from medsift.steps.profile import current_model_set, encoder_digests, usable_model_set


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """32 drawn pictures."""
    folder = tmp_path_factory.mktemp("drawn")
    for number, picture in enumerate(drawn_pictures(96)[:32]):
        Image.fromarray(picture).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture
def clip_settings(plain_settings, tmp_path) -> Settings:
    """Profile clip with a small model of open_clip and random weights, imported under their digest."""
    declare_torchvision_operators()
    import open_clip
    import torch

    torch.manual_seed(6)
    file = tmp_path / "small.pt"
    torch.save(open_clip.create_model("ViT-S-32-alt", load_weights=False).state_dict(), file)
    chosen = {"profile": "clip", "clip_model": "ViT-S-32-alt", "cnn_model": "efficientnet_lite0", "device": "cpu"}
    settings = plain_settings.model_copy(update=chosen | {"cluster_count": 4})
    import_weights(settings, "ViT-S-32-alt", file, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    return settings


def fitted(settings, folder):
    with local_context(settings, [f"fit {folder}"]) as context:
        return fit_model_set(context, folder)


def cluster_votes(settings, folder):
    with local_context(settings, [str(folder)]) as context:
        return [vote for vote in sort_sources(context, [str(folder)]).votes if vote.voter == "clusters"]


def test_profile_clip_has_no_set_until_a_folder_is_fitted(clip_settings, folder):
    assert current_model_set(clip_settings) is None
    votes = cluster_votes(clip_settings, folder)
    assert {vote.probability for vote in votes} == {None}
    assert all("medsift modelset fit FOLDER" in vote.reason for vote in votes)

    model_set = fitted(clip_settings, folder)
    assert current_model_set(clip_settings) == model_set
    assert model_set.encoder_digests == encoder_digests(clip_settings)
    assert model_set.spaces == (("clip",), ("efficientnet_lite0",))
    assert model_set.calibration == UNCALIBRATED
    assert {name: len(clusters.size) for name, clusters in model_set.clusters().items()} == {
        "clip": 4,
        "efficientnet_lite0": 4,
    }
    assert "Accuracy: not measured" in model_set.card.read_text()
    votes = cluster_votes(clip_settings, folder)
    assert {vote.cluster is not None for vote in votes} == {True}


def test_a_set_of_profile_lite_keeps_alignment_and_calibration(plain_settings, folder):
    shipped = shipped_set("lite")
    model_set = fitted(plain_settings, folder)
    assert model_set.digest != shipped.digest
    assert model_set.encoder_digests == shipped.encoder_digests
    assert shipped.calibration.points
    assert model_set.calibration == shipped.calibration.without_points()  # they were measured with other clusters
    assert model_set.alignment().digest == shipped.alignment().digest
    assert usable_model_set(plain_settings).clusters().keys() == {"lite", "efficientnet_lite0"}


def test_clusters_of_an_encoder_that_changed_are_not_used(plain_settings, folder):
    larger = plain_settings.model_copy(update={"image_size": 256})
    assert usable_model_set(plain_settings).clusters()
    assert usable_model_set(larger).clusters() == {}


def test_too_few_pictures_are_a_sentence_and_leave_nothing(plain_settings, small_world):
    with pytest.raises(UsageError, match="a model set needs 16 or more"):
        fitted(plain_settings, small_world)
    assert not (plain_settings.volume / "modelsets" / "current.json").exists()
    with pytest.raises(UsageError, match="is not a folder"):
        fitted(plain_settings, small_world / "a.jpg")
