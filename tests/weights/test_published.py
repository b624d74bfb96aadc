import re
from urllib.parse import urlsplit

import pytest

from medsift.encoders._torch import declare_torchvision_operators
from medsift.weights.published import published


@pytest.mark.parametrize("entry", published().values(), ids=lambda entry: entry.name)
def test_every_published_file_has_https_address_size_digest_and_licence(entry):
    assert urlsplit(entry.address).scheme == "https"
    assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
    assert entry.bytes > 1_000_000
    assert entry.about and entry.licence
    assert "/" not in entry.file and entry.file.endswith((".pt", ".pth"))


def test_addresses_and_digests_are_those_of_open_clip_and_torchvision():
    declare_torchvision_operators()
    import open_clip
    from torchvision.models import EfficientNet_B0_Weights, MobileNet_V2_Weights, ResNet50_Weights

    clip = published()["ViT-B-32-quickgelu"]
    assert clip.address == open_clip.get_pretrained_cfg(clip.name, clip.tag)["url"]
    assert clip.sha256 in clip.address
    theirs = {
        "mobilenet_v2": MobileNet_V2_Weights.IMAGENET1K_V2,
        "resnet50": ResNet50_Weights.IMAGENET1K_V2,
        "efficientnet_b0": EfficientNet_B0_Weights.IMAGENET1K_V1,
    }
    for name, weights in theirs.items():
        entry = published()[name]
        assert entry.address == weights.url
        assert f"-{entry.sha256[:8]}." in entry.file
        assert entry.bytes / 2**20 == pytest.approx(weights.meta["_file_size"], abs=0.001)
