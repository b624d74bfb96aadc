"""A picture network without its head, run in batches: what every tower of torch has in common."""

import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medsift.encoders import Floats, Pixels, View
from medsift.encoders._selftest import SelfTest, drawn_pictures
from medsift.encoders._torch import choose_device

if TYPE_CHECKING:
    import torch

PREPROCESSING = "1"  # raise it when the same pixels would give other features
Colour = tuple[float, float, float]


class NetworkTower:
    """Features of a picture: the mean of the network's output over its views.

    `load` gives the network in evaluation mode, called at the first use; `weights_digest` stands for its weights;
    `mean` and `deviation` are per channel, of values between 0 and 1. `self_test` gives, for the tower's digest, the
    file of reference vectors that the network must reproduce on its device before it is used.
    """

    def __init__(
        self,
        name: str,
        *,
        load: "Callable[[], torch.nn.Module]",
        weights_digest: str,
        views: tuple[View, ...],
        mean: Colour,
        deviation: Colour,
        width: int,
        device: str = "auto",
        batch_size: int = 32,
        self_test: Callable[[str], Path] | None = None,
    ) -> None:
        self.name = name
        self.views = views
        self.width = width
        self._load = load
        self._weights_digest = weights_digest
        self._mean, self._deviation = mean, deviation
        self._device_name = device
        self._batch_size = batch_size
        self._self_test = self_test

    @cached_property
    def digest(self) -> str:
        """Over weights, views and preprocessing."""
        seen = [(view.size, view.mode, view.resize, view.resample) for view in self.views]
        parts = f"{self._weights_digest} {seen} {self._mean} {self._deviation} {PREPROCESSING}"
        return hashlib.sha256(parts.encode()).hexdigest()

    def features(self, pixels: Pixels) -> Floats:
        """Features averaged over the views: uint8 (n, views, size, size, 3) -> float32 (n, width)."""
        averaged: Floats = self.view_features(pixels).mean(axis=1)
        return averaged

    def view_features(self, pixels: Pixels) -> Floats:
        """Features of each view: uint8 (n, views, size, size, 3) -> float32 (n, views, width)."""
        count, views = pixels.shape[:2]
        inputs = pixels.reshape(count * views, *pixels.shape[2:])
        outputs = np.concatenate([np.zeros((0, self.width), np.float32), *self._outputs(inputs)])
        return outputs.reshape(count, views, self.width)

    def prepare(self) -> None:
        """Load the network and let it pass its self-test now; raises `WeightsError` where it cannot."""
        _ = self._network

    def _outputs(self, inputs: Pixels) -> Iterator[Floats]:
        return self._forward(self._network, self._device, inputs)

    def _forward(self, network: "torch.nn.Module", device: "torch.device", inputs: Pixels) -> Iterator[Floats]:
        import torch

        mean, deviation = (torch.tensor(c, device=device) * 255 for c in (self._mean, self._deviation))
        for start in range(0, len(inputs), self._batch_size):
            batch = torch.from_numpy(np.ascontiguousarray(inputs[start : start + self._batch_size]))
            with torch.inference_mode():
                standard = (batch.to(device).float() - mean) / deviation
                # Channels last in memory already, the layout that convolves fastest on a CPU.
                yield network(standard.permute(0, 3, 1, 2)).float().cpu().numpy()

    @cached_property
    def _device(self) -> "torch.device":
        return choose_device(self._device_name)

    @cached_property
    def _network(self) -> "torch.nn.Module":
        import torch

        network: torch.nn.Module = self._load().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self._self_test is None:
            return network.to(self._device)
        return self._tested(network, SelfTest(self._self_test(self.digest)))

    def _tested(self, network: "torch.nn.Module", self_test: SelfTest) -> "torch.nn.Module":
        """The network on its device, after it reproduced the reference there; a missing reference is made first."""
        import torch

        cpu = torch.device("cpu")
        reference, maker = (f"torch {torch.__version__} float32 on {device.type}" for device in (cpu, self._device))
        drawn = drawn_pictures(self.views[0].size)
        if not self_test.path.exists():
            self_test.write(np.concatenate(list(self._forward(network, cpu, drawn))), reference)
        network = network.to(self._device)
        if not self_test.is_made_by(maker):
            self_test.require(np.concatenate(list(self._forward(network, self._device, drawn))), self.name, maker)
        return network
