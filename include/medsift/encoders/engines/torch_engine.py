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


@dataclass(frozen=True)
class TorchKind:
    """torch in one precision: below float32 by autocast, which keeps sums and norms in float32."""

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
        self._lower = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision)
        if device == "cpu":
            torch.set_num_threads(usable_cores())
        module = standardised(network).to(self._device)
        # Channels last is the layout that convolves fastest, and the one that pixels come in.
        self._module: torch.nn.Module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def features(self, pixels: Pixels) -> Floats:
        """Batches are queued one after the other and waited for at the end, so that a GPU never idles between."""
        import torch

        outputs = []
        with torch.inference_mode(), torch.autocast(self._device.type, self._lower, enabled=self._lower is not None):
            for start in range(0, len(pixels), self._batch_size):
                batch = torch.from_numpy(np.ascontiguousarray(pixels[start : start + self._batch_size]))
                outputs.append(self._module(self._moved(batch)))
            rows = torch.cat(outputs) if outputs else torch.zeros(0, self._width)
            features: Floats = rows.float().cpu().numpy()
        return features

    def _moved(self, batch: "torch.Tensor") -> "torch.Tensor":
        if self._device.type == "cpu":
            return batch
        return batch.pin_memory().to(self._device, non_blocking=True)


def standardised(network: Network) -> "torch.nn.Module":
    """The network behind its own standardisation: uint8 (n, side, side, 3) -> features (n, width)."""
    import torch

    class Standardised(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network.load()
            self.mean = torch.nn.Buffer(torch.tensor(network.mean).view(1, 3, 1, 1) * 255)
            self.deviation = torch.nn.Buffer(torch.tensor(network.deviation).view(1, 3, 1, 1) * 255)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            values: torch.Tensor = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.deviation
            features: torch.Tensor = self.network(values)
            return features

    return Standardised().eval().requires_grad_(False)
