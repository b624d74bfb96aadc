"""What runs a network: pixels in, features out. torch in float32 on a CPU is the reference, all others must agree.

An engine kind is a registered `Kind`; it says where it runs, and makes an `Engine` of a network.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from medsift.encoders._arrays import Floats, Pixels
from medsift.registry import Registry

if TYPE_CHECKING:
    import torch

Colour = tuple[float, float, float]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
REFERENCE = "torch_fp32"


@dataclass(frozen=True)
class Network:
    """A picture network as engines take it: uint8 pixels (n, side, side, 3) to features (n, width).

    `load` gives torch's module in evaluation mode, its weights verified; `mean` and `deviation` are per channel, of
    values between 0 and 1; `digest` stands for all of it and names what is kept of it. `is_convolutional`: nearly all
    of its work is convolutions, which int8 leaves as they are.
    """

    name: str
    digest: str
    load: "Callable[[], torch.nn.Module]"
    side: int
    mean: Colour
    deviation: Colour
    width: int
    is_convolutional: bool = False


class Engine(Protocol):
    """A network made ready to run."""

    def features(self, pixels: Pixels) -> Floats:
        """uint8 (n, side, side, 3) -> float32 (n, width)."""


class Kind(Protocol):
    """One way to run networks, in one precision."""

    @property
    def name(self) -> str:
        """As in the setting `engine`."""

    @property
    def library(self) -> str:
        """The package whose version decides about its vectors and its speed."""

    @property
    def precision(self) -> Precision:
        """In which most of the work is done."""

    def runs_on(self, device: str) -> bool:
        """Whether it can be used with `device`, cpu or cuda, on this machine."""

    def is_tried_on(self, device: str) -> bool:
        """Whether `auto` considers it there."""

    def is_ready(self, folder: Path) -> bool:
        """Whether `make` finds in `folder` what it needs, and has to export nothing."""

    def make(self, network: Network, *, device: str, batch_size: int, folder: Path | None) -> Engine:
        """Load the network. `folder` keeps what was exported, for the next time (None: nothing is kept)."""


ENGINES: Registry[Kind] = Registry("engine", "medsift.encoders.engines")
