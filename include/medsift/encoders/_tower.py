"""A picture network without its head, run in batches: what every tower has in common."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from medsift.encoders import Floats, Judge, Pixels, View
from medsift.encoders._running import Chooser, Running
from medsift.encoders.engines import Colour, Network
from medsift.settings import Settings
from medsift.volume import Volume

if TYPE_CHECKING:
    import torch

WORTH_AN_EXPORT = 1000  # pictures: exported and tested in some ten seconds, a network runs twice as fast
PREPROCESSING = "2"  # raise it when the same pixels would give other features


class NetworkTower:
    """Features of a picture: the mean of the network's output over its views.

    `load` gives the network in evaluation mode, called at the first use; `weights_digest` stands for its weights;
    `mean` and `deviation` are per channel, of values between 0 and 1. `self_test` gives, for the tower's digest, the
    file of reference features that an engine must reproduce before it is used; without it, it is kept with exports.
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
        settings: Settings,
        self_test: Callable[[str], Path] | None = None,
        is_convolutional: bool = False,
    ) -> None:
        self.name = name
        self.views = tuple(replace(view, enhance=tuple(settings.enhance)) for view in views)
        self.width = width
        self._load = load
        self._weights_digest = weights_digest
        self._mean, self._deviation = mean, deviation
        self._settings = settings
        self._self_test = self_test
        self._is_convolutional = is_convolutional
        self._running: Running | None = None
        self._judged_by = ""
        self._pictures = 0  # the most that it was prepared for
        self._may_export = False

    @cached_property
    def digest(self) -> str:
        """Over weights, views and preprocessing."""
        seen = [(view.size, view.mode, view.resize, view.resample) for view in self.views]
        ways = "".join(f" {way}" for way in self._settings.enhance)
        parts = f"{self._weights_digest} {seen} {self._mean} {self._deviation} {PREPROCESSING}{ways}"
        return hashlib.sha256(parts.encode()).hexdigest()

    @property
    def engine(self) -> str:
        """What runs the network here, by the name of its kind; loads it."""
        return self._loaded().name

    def features(self, pixels: Pixels) -> Floats:
        """Features averaged over the views: uint8 (n, views, size, size, 3) -> float32 (n, width)."""
        averaged: Floats = self.view_features(pixels).mean(axis=1)
        return averaged

    def view_features(self, pixels: Pixels) -> Floats:
        """Features of each view: uint8 (n, views, size, size, 3) -> float32 (n, views, width)."""
        count, views = pixels.shape[:2]
        features = self._loaded().engine.features(pixels.reshape(count * views, *pixels.shape[2:]))
        return features.reshape(count, views, self.width)

    def is_ready(self, judge: Judge | None = None) -> bool:
        """Whether `prepare` only loads what is kept: nothing has to be exported or measured first."""
        if self._running is not None:
            return True
        with self._folder() as folder:
            return self._chooser(judge, folder).is_ready()

    def prepare(self, judge: Judge | None = None, pictures: int = 0) -> None:
        """Load the network and let it pass its self-test now; raises `WeightsError` where it cannot.

        Again with another judge, or for so many pictures that an export begins to be worth it, the engine is chosen
        anew.
        """
        self._pictures = max(self._pictures, pictures)
        with self._folder() as folder:
            is_judged_anew = judge is not None and judge.key != self._judged_by
            if self._running is None or is_judged_anew or (folder is not None and not self._may_export):
                self._running = self._chooser(judge, folder).choose()
                self._judged_by = judge.key if judge else ""
                self._may_export = folder is not None

    def _loaded(self) -> Running:
        if self._running is None:
            self.prepare()
        return cast(Running, self._running)

    @contextmanager
    def _folder(self) -> Iterator[Path | None]:
        """Where exports lie: on the volume; without one, nothing is left behind."""
        if self._volume.root.is_dir():
            yield self._volume.engines(self.digest)
        elif self._pictures < WORTH_AN_EXPORT:
            yield None
        else:
            with TemporaryDirectory(prefix="medsift-") as folder:
                yield Path(folder)

    def _chooser(self, judge: Judge | None, folder: Path | None) -> Chooser:
        network = Network(
            self.name, self.digest, self._load, self.views[0].size, self._mean, self._deviation, self.width,
            self._is_convolutional,
        )  # fmt: skip
        self_test = folder / "selftest.safetensors" if folder else None
        if self._self_test and self._volume.root.is_dir():
            self_test = self._self_test(self.digest)
        return Chooser(network, self._settings, folder, self_test, judge)

    @property
    def _volume(self) -> Volume:
        return Volume(self._settings.volume)
