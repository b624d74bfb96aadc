"""Profile clip with random values in networks of the true shapes: speed does not depend on the values.

Only benchmarks have it: importing this module registers it beside the product's own.
"""

from typing import Any

from medsift.encoders import CNN_ENCODERS, PROFILES, Profile
from medsift.encoders._torch import declare_torchvision_operators
from medsift.encoders.clip import ClipEncoder
from medsift.encoders.cnn import CnnEncoder
from medsift.encoders.torchvision_cnns import MOBILENET, RECIPES, torchvision_encoder
from medsift.modelsets import ModelSet
from medsift.settings import Settings

NAME = "random-clip"
SEED = 42


def random_clip(model_name: str) -> Any:
    """open_clip's network with random values, the same each time."""
    declare_torchvision_operators()
    import open_clip
    import torch

    torch.manual_seed(SEED)
    return open_clip.create_model(model_name, load_weights=False).eval()


def random_cnn(name: str) -> Any:
    """torchvision's network with random values, the same each time."""
    declare_torchvision_operators()
    import torch
    import torchvision

    torch.manual_seed(SEED)
    return getattr(torchvision.models, name)(weights=None).eval()


@PROFILES.register(NAME)
def random_clip_profile(settings: Settings, _model_set: ModelSet | None) -> Profile:
    """As profile clip, without weights."""
    words = ClipEncoder(settings, lambda: random_clip(settings.clip_model), f"random {settings.clip_model}", "openai")
    return Profile(NAME, words, CNN_ENCODERS.get(f"random-{MOBILENET}")(settings))


@CNN_ENCODERS.register(f"random-{MOBILENET}")
def random_mobilenet(settings: Settings) -> CnnEncoder:
    """As mobilenet_v2, without weights."""
    return torchvision_encoder(RECIPES[MOBILENET], settings, lambda: random_cnn(MOBILENET), f"random {MOBILENET}")
