"""CNN encoders of torchvision: the pooled features before the classifier, each with its own preprocessing."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from medsift.encoders import CNN_ENCODERS, View
from medsift.encoders._checkpoint import read_for
from medsift.encoders._torch import declare_torchvision_operators
from medsift.encoders._tower import NetworkTower
from medsift.encoders.cnn import CnnEncoder
from medsift.settings import Settings
from medsift.volume import Volume
from medsift.weights.local import find, locate

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OWN_SIZE = 224
Load = Callable[[], Any]  # gives a network with its weights


@dataclass(frozen=True)
class Recipe:
    """What torchvision's weights were evaluated with: `head` is the classifier that is taken off."""

    name: str
    width: int
    head: str
    resize: int
    resample: Literal["bicubic", "bilinear"]


MOBILENET = "mobilenet_v2"
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(MOBILENET, 1280, "classifier", 232, "bilinear"),
        Recipe("resnet50", 2048, "fc", 232, "bilinear"),
        Recipe("efficientnet_b0", 1280, "classifier", 256, "bicubic"),
    )
}


def torchvision_encoder(recipe: Recipe, settings: Settings, load: Load, weights_digest: str) -> CnnEncoder:
    """The encoder over a network that `load` gives whole, with its weights."""
    size = settings.image_size or OWN_SIZE
    resize = round(size * recipe.resize / OWN_SIZE)
    tower = NetworkTower(
        recipe.name,
        load=lambda: _without_head(load(), recipe.head),
        weights_digest=weights_digest,
        views=(View(size, "crop", resize=resize, resample=recipe.resample),),
        mean=MEAN,
        deviation=DEVIATION,
        width=recipe.width,
        settings=settings,
        is_convolutional=True,
        self_test=partial(Volume(settings.volume).self_test, weights_digest),
    )
    return CnnEncoder(tower)


def _from_volume(recipe: Recipe, settings: Settings) -> CnnEncoder:
    """Raises `WeightsError` while its weights are not there."""
    volume = Volume(settings.volume)
    pin = find(volume, recipe.name)
    return torchvision_encoder(recipe, settings, lambda: _load(recipe, locate(volume, recipe.name)), pin.sha256)


for _recipe in RECIPES.values():
    CNN_ENCODERS.register(_recipe.name)(partial(_from_volume, _recipe))


def _load(recipe: Recipe, path: Path) -> Any:
    declare_torchvision_operators()
    import torch
    import torchvision

    network = getattr(torchvision.models, recipe.name)(weights=None)
    with read_for(recipe.name, path):
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network


def _without_head(network: Any, head: str) -> Any:
    import torch

    setattr(network, head, torch.nn.Identity())
    return network.eval().requires_grad_(False)
