"""The picture tower of profile lite: EfficientNet-Lite0 as trained on ImageNet, its classifier taken off.

Beside the last layer's means it gives those of earlier stages, with their spread, and how the middle of a picture
differs from all of it: grain, speckle, stain, print and a body on a ground show there, while the last layer knows
things of ImageNet.
"""

from typing import TYPE_CHECKING, Any

from medsift import weights
from medsift.encoders import View
from medsift.encoders._torch import declare_torchvision_operators
from medsift.encoders._tower import NetworkTower
from medsift.errors import WeightsError
from medsift.settings import Settings

if TYPE_CHECKING:
    import torch

NAME = "efficientnet_lite0"
WEIGHTS_FILE = "efficientnet-lite0-57934424.pth"
OWN_SIZE = 288  # trained at 224; what is small in a picture tells kinds apart, and 288 shows more of it
LAST = 1280  # channels of the last layer; they come first
STAGES = (24, 40, 80, 112, 192, 320)  # channels of the stages from the second on
WIDTH = LAST + 3 * sum(STAGES)
MIDDLES = WIDTH - sum(STAGES)  # where the differences of the middle begin
BORDER = 0.2  # of each side is not the middle
# Stages have large values; so scaled, the last layer still decides how like two vectors are, as in a self-test.
STAGE_SCALE = 0.05
# Convolutions of timm's blocks and the batch norm behind each.
DEPTHWISE_SEPARABLE = [("conv_dw", "bn1"), ("conv_pw", "bn2")]
INVERTED_RESIDUAL = [("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")]
MEAN = DEVIATION = (0.5, 0.5, 0.5)


def efficientnet_tower(settings: Settings) -> NetworkTower:
    """Pooled features of EfficientNet-Lite0 (Tan and Le 2019; Lite: ReLU6, no squeeze-and-excite), 3584 wide.

    1280 means of the last layer, then means and deviations of each stage, then by how much the mean of its middle is
    above that of all of it. A picture is seen whole, squashed.
    """
    size = settings.image_size or OWN_SIZE
    digest = weights.get(NAME).pinned(WEIGHTS_FILE).sha256
    return NetworkTower(
        NAME,
        load=load_stages,
        weights_digest=f"{digest} with stages and middles",
        views=(View(size, "squash"),),
        mean=MEAN,
        deviation=DEVIATION,
        width=WIDTH,
        settings=settings,
        is_convolutional=True,
    )


def load_stages() -> Any:
    """The network of `load_network`, giving what `efficientnet_tower` says."""
    import torch

    class Stages(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = load_network()

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            network, pooled, middles = self.network, [], []
            values = network.bn1(network.conv_stem(pictures))
            for number, stage in enumerate(network.blocks):
                values = stage(values)
                if number > 0:
                    mean = values.mean((2, 3), keepdim=True)
                    deviation = ((values - mean).float() ** 2).mean((2, 3)).sqrt()  # squares pass the range of fp16
                    pooled += [STAGE_SCALE * mean.flatten(1), STAGE_SCALE * deviation]
                    middles.append(STAGE_SCALE * (middle_of(values).mean((2, 3)) - mean.flatten(1)))
            last = network.bn2(network.conv_head(values)).mean((2, 3))
            return torch.cat([last, *pooled, *middles], dim=1)

    return Stages().eval()


def middle_of(values: "torch.Tensor") -> "torch.Tensor":
    """Values (n, c, side, side) without a border; all of them where they are too few for one."""
    side = int(values.shape[-1])  # a tensor while the network is traced
    border = round(BORDER * side)
    return values[:, :, border : side - border, border : side - border]


def load_network() -> Any:
    """The network with its verified weights, without classifier, batch norms folded, in evaluation mode.

    The package's 296 tensors have other names than timm's and the same order: each is put in its place by position,
    every shape checked. Raises `WeightsError` where they are missing or altered.
    """
    import torch

    declare_torchvision_operators()
    import timm

    path = weights.path(NAME, WEIGHTS_FILE)
    stored: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    own = network.state_dict()
    if [tensor.shape for tensor in own.values()] != [tensor.shape for tensor in stored.values()]:
        raise WeightsError(f"The tensors of {path} do not fit timm's tf_efficientnet_lite0.")
    network.load_state_dict(dict(zip(own, stored.values(), strict=True)))
    network.reset_classifier(0)
    network.eval().requires_grad_(False)
    fold_batch_norms(network)
    return network


def fold_batch_norms(network: Any) -> None:
    """Fold each batch normalisation into the convolution before it: same result to 1e-5, twice the speed on a CPU."""
    _fold(network, "conv_stem", "bn1")
    _fold(network, "conv_head", "bn2")
    for stage in network.blocks.children():
        for block in stage.children():
            pairs = INVERTED_RESIDUAL if hasattr(block, "conv_pwl") else DEPTHWISE_SEPARABLE
            for convolution, norm in pairs:
                _fold(block, convolution, norm)


def _fold(owner: Any, convolution_name: str, norm_name: str) -> None:
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    convolution, norm = getattr(owner, convolution_name), getattr(owner, norm_name)
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    setattr(owner, norm_name, norm.act)  # timm's norm layer carries the activation too
