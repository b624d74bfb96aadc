"""Which engine runs a network here: measured once a machine, kept, and put to the self-test at every load.

Below float32 an engine is chosen only if it leaves every verdict on the self-test's pictures as it was.
"""

import json
import logging
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from medsift.encoders import Floats, Judge
from medsift.encoders._selftest import SelfTest, pictures
from medsift.encoders._torch import device_name
from medsift.encoders.engines import ENGINES, REFERENCE, Engine, Network
from medsift.errors import SettingError, WeightsError
from medsift.machine import machine_key, processor_name
from medsift.settings import Settings
from medsift.volume import write_atomically

log = logging.getLogger(__name__)

TRIAL_BATCH = 16  # the 64 pictures of the self-test in four parts: the first warms up, the fastest other counts


@dataclass(frozen=True)
class Running:
    """A network on an engine; `pictures_per_second` as its self-test ran, 0 where it needed none."""

    name: str
    engine: Engine
    pictures_per_second: float = 0.0


class Chooser:
    """Finds the engine of one network. `folder` keeps exports and choices, `self_test` the reference's features.

    Without a folder nothing is exported: the reference runs on a CPU.
    Without a judge, `auto` chooses no precision below float32.
    """

    def __init__(
        self,
        network: Network,
        settings: Settings,
        folder: Path | None,
        self_test: Path | None,
        judge: Judge | None = None,
    ) -> None:
        self._network, self._settings, self._folder, self._judge = network, settings, folder, judge
        self._self_test = SelfTest(self_test) if self_test else None
        self._device = device_name(settings.device)

    def choose(self) -> Running:
        """The engine of the settings; for `auto` the fastest that passes its self-test and changes no verdict.

        Whoever names an engine has measured what it does to verdicts: it has to pass its self-test alone. Raises
        `SettingError` for one that cannot run here, `WeightsError` where it fails.
        """
        wanted = self._settings.engine
        if wanted != "auto":
            if wanted not in ENGINES.names() or not ENGINES.get(wanted).runs_on(self._device):
                raise SettingError("engine", wanted, f"auto, or one of {', '.join(self._possible())} on this machine")
            return self._run(wanted)
        for name in self._by_speed():
            try:
                return self._run(name, self._judge)
            except WeightsError as error:
                log.warning("%s is not used: %s", name, error)
        return self._run(REFERENCE)

    def is_ready(self) -> bool:
        """Whether `choose` only loads what is kept; true too where nothing is kept, or exported (on a GPU)."""
        if self._folder is None or self._device != "cpu":
            return True
        wanted = self._settings.engine
        names = self._tried() if wanted == "auto" else [name for name in self._possible() if name == wanted]
        if len(names) > 1:
            return self._kept_rates(names, self._folder).exists()
        return all(ENGINES.get(name).is_ready(self._folder) for name in names)

    def _possible(self) -> list[str]:
        return [name for name in ENGINES.names() if ENGINES.get(name).runs_on(self._device)]

    def _by_speed(self) -> list[str]:
        if self._device == "cpu" and self._folder is None:
            return []
        names = self._tried()
        if self._folder is not None and len(names) > 1:
            rates = self._rates(names, self._folder)
            names = sorted((name for name in names if name in rates), key=lambda name: -rates[name])
        return names

    def _tried(self) -> list[str]:
        """Those that `auto` chooses from."""
        kinds = [ENGINES.get(name) for name in self._possible()]
        tried = [kind for kind in kinds if kind.is_tried_on(self._device)]
        if self._network.is_convolutional:
            tried = [kind for kind in tried if kind.precision != "int8"]
        return [kind.name for kind in tried if kind.precision == "fp32" or self._judge is not None]

    def _kept_rates(self, names: list[str], folder: Path) -> Path:
        libraries = sorted({ENGINES.get(name).library for name in names})
        judge = self._judge.key[:16] if self._judge else "none"
        return folder / f"rates-{machine_key()}-{'-'.join(map(version, libraries))}-{judge}.json"

    def _rates(self, names: list[str], folder: Path) -> dict[str, float]:
        """Pictures a second of each engine that may be used, as measured on this machine once for each judge."""
        kept = self._kept_rates(names, folder)
        if kept.exists():
            known: dict[str, float] = json.loads(kept.read_text(encoding="utf-8"))["pictures_per_second"]
            return known
        rates = {}
        for name in names:
            try:
                rates[name] = round(self._run(name, self._judge).pictures_per_second, 1)
            except WeightsError as error:
                log.info("%s is not used: %s", name, error)
        document = {"network": self._network.name, "processor": processor_name(), "pictures_per_second": rates}
        write_atomically(kept, json.dumps(document, indent=1).encode() + b"\n")
        log.info("%s, measured once on this machine (%s): %s pictures a second", *document.values())
        return rates

    def _run(self, name: str, judge: Judge | None = None) -> Running:
        """The engine loaded and tested, below float32 before the judge if there is one."""
        kind = ENGINES.get(name)
        maker = _maker(name, self._device)
        is_reference = maker == _maker(REFERENCE, "cpu")
        if self._self_test is not None and not self._self_test.is_there(self._network.side):
            self._self_test.write(self._by_reference(), _maker(REFERENCE, "cpu"), self._network.side)
        engine = kind.make(
            self._network, device=self._device, batch_size=self._settings.batch_size, folder=self._folder
        )
        if self._self_test is None or (is_reference and self._self_test.is_made_by(maker)):
            return Running(name, engine)
        features, rate = _tried(engine, self._network.side)
        self._self_test.require(features, self._network.name, maker, is_lower=kind.precision != "fp32", judge=judge)
        return Running(name, engine, rate)

    def _by_reference(self) -> Floats:
        engine = ENGINES.get(REFERENCE).make(self._network, device="cpu", batch_size=TRIAL_BATCH, folder=None)
        return engine.features(pictures(self._network.side))


def _maker(name: str, device: str) -> str:
    library = ENGINES.get(name).library
    return f"{name} on {device}, {library} {version(library)}"


def _tried(engine: Engine, side: int) -> tuple[Floats, float]:
    """Features of the self-test's pictures, and pictures a second."""
    tested, parts, seconds = pictures(side), [], []
    for start in range(0, len(tested), TRIAL_BATCH):
        begun = time.perf_counter()
        parts.append(engine.features(tested[start : start + TRIAL_BATCH]))
        seconds.append(time.perf_counter() - begun)
    return np.concatenate(parts), TRIAL_BATCH / min(seconds[1:])
