"""torch: the reference in float32 on a CPU, and the way to a GPU."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from medsift.encoders._arrays import Floats, Pixels
from medsift.encoders.engines import ENGINES, REFERENCE, Network, Precision
from medsift.machine import usable_cores

if TYPE_CHECKING:
    import torch

TYPES: dict[Precision, str] = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True)
class TorchKind:
    """torch in one precision, weights and all that passes between layers: autocast, which keeps the sums between
    blocks in float32, was a quarter slower on an H100 and no nearer to the reference."""

    name: str
    precision: Precision
    devices: tuple[str, ...]
    library: ClassVar[str] = "torch"

    def runs_on(self, device: str) -> bool:
        """Whether torch has it there in this precision."""
        return device in self.devices

    def is_tried_on(self, device: str) -> bool:
        """Half precision on a GPU; on a CPU OpenVINO was as fast or faster wherever it was measured."""
        return device == "cuda" and self.precision == "fp16"

    def is_ready(self, folder: Path) -> bool:
        """Always: torch runs the network as it is."""
        return True

    def make(self, network: Network, *, device: str, batch_size: int, folder: Path | None) -> "TorchEngine":
        """The module on its device; nothing is kept in `folder`."""
        return TorchEngine(network, self.precision, device, batch_size)


for _kind in (
    TorchKind(REFERENCE, "fp32", ("cpu", "cuda")),
    TorchKind("torch_bf16", "bf16", ("cpu", "cuda")),
    TorchKind("torch_fp16", "fp16", ("cuda",)),
):
    ENGINES.register(_kind.name)(_kind)


class TorchEngine:
    """A module of torch on one device."""

    def __init__(self, network: Network, precision: Precision, device: str, batch_size: int) -> None:
        import torch

        self._width, self._batch_size = network.width, batch_size
        self._device = torch.device(device)
        self._copying = torch.cuda.Stream(self._device) if device == "cuda" else None  # type: ignore[no-untyped-call]
        if device == "cpu":
            torch.set_num_threads(usable_cores())
        elif precision == "fp32":
            torch.backends.cudnn.allow_tf32 = False  # on by default for convolutions, with 10 bits of 23
        module = standardised(network, TYPES[precision]).to(self._device)
        # Channels last is the layout that convolves fastest, and the one that pixels come in.
        self._module: torch.nn.Module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def features(self, pixels: Pixels) -> Floats:
        """Batches are queued one after the other and waited for at the end: a GPU computes one while the next comes."""
        import torch

        starts = range(0, len(pixels), self._batch_size)
        outputs = [self.forward(self.moved(pixels[start : start + self._batch_size])) for start in starts]
        rows = torch.cat(outputs) if outputs else torch.zeros(0, self._width)
        features: Floats = rows.float().cpu().numpy()
        return features

    def moved(self, pixels: Pixels) -> "torch.Tensor":
        """A batch on the device. On a GPU the copy goes beside what is being computed there."""
        import torch

        batch = torch.from_numpy(np.ascontiguousarray(pixels))
        if self._copying is None:
            return batch
        with torch.cuda.stream(self._copying):
            there = batch.pin_memory().to(self._device, non_blocking=True)
        computing = torch.cuda.current_stream(self._device)
        computing.wait_stream(self._copying)
        there.record_stream(computing)  # else its memory could be given away before the network has read it
        return there

    def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
        """The network over a batch on the device; on a GPU queued, not waited for."""
        import torch

        with torch.inference_mode():
            features: torch.Tensor = self._module(batch)
        return features


def standardised(network: Network, precision: str = "float32") -> "torch.nn.Module":
    """The network in one of torch's types behind its own standardisation, which is always in float32.

    uint8 (n, side, side, 3) -> features (n, width).
    """
    import torch

    class Standardised(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network.load().to(getattr(torch, precision))
            self.mean = torch.nn.Buffer(torch.tensor(network.mean).view(1, 3, 1, 1) * 255)
            self.deviation = torch.nn.Buffer(torch.tensor(network.deviation).view(1, 3, 1, 1) * 255)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            values: torch.Tensor = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.deviation
            features: torch.Tensor = self.network(values.to(getattr(torch, precision)))
            return features

    return Standardised().eval().requires_grad_(False)
