"""Verdicts that an engine changes: profile lite on real pictures, every engine of this CPU against torch in float32.

    python benchmarks/flips.py FOLDER [--pictures 1500] [--json F]

A sample of the folder's JPEG and PNG files, drawn with a fixed seed. The profile's voters and strategy judge each
picture from its vectors alone. `moved` is the largest change of a probability.
"""

import argparse
import json
import random
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from machine import machine

from medsift.encoders import Floats
from medsift.encoders._arrays import unit_rows
from medsift.encoders.engines import ENGINES, REFERENCE
from medsift.errors import WeightsError
from medsift.pictures.batches import pixel_batches
from medsift.settings import Settings
from medsift.steps.context import Context
from medsift.steps.networks import verdicts_of
from medsift.steps.profile import current_profile
from medsift.volume import Volume

SEED = 42


def main() -> None:
    """Embed the sample by every engine, judge it, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=1500)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    sample = random.Random(SEED).sample(files, min(arguments.pictures, len(files)))  # noqa: S311  no secret
    with TemporaryDirectory(prefix="medsift-flips-") as volume:
        runs = compared(Settings(volume=Path(volume), device="cpu"), sample)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1) + "\n")


def compared(settings: Settings, sample: list[Path]) -> list[dict[str, Any]]:
    """What becomes of the sample's verdicts by each engine that may run here."""
    features = embedded(settings, sample)
    profile = current_profile(settings)
    judged = {name: verdicts_of(settings, profile, profile.towers[0], rows) for name, rows in features.items()}
    runs = []
    for name, verdicts in judged.items():
        pairs = list(zip(verdicts, judged[REFERENCE], strict=True))
        cosine = (unit_rows(features[name]) * unit_rows(features[REFERENCE])).sum(axis=1)
        runs.append(
            {
                "engine": name,
                "pictures": len(verdicts),
                "flips": sum(ours.verdict != theirs.verdict for ours, theirs in pairs),
                "moved": round(max(abs(ours.probability - theirs.probability) for ours, theirs in pairs), 4),
                "mean_cosine": round(float(cosine.mean()), 5),
            }
        )
        print(json.dumps(runs[-1]), flush=True)
    return runs


def embedded(settings: Settings, sample: list[Path]) -> dict[str, Floats]:
    """Features of the sample by each engine, float32 (n, width); each picture is decoded once."""
    towers = {}
    for name in (name for name in ENGINES.names() if ENGINES.get(name).runs_on("cpu")):
        (tower,) = current_profile(settings.model_copy(update={"engine": name})).towers
        try:
            tower.prepare()
        except WeightsError as error:
            print(f"{name} is not used: {error}", flush=True)
        else:
            towers[name] = tower
    rows: dict[str, list[Floats]] = {name: [] for name in towers}
    views = [asdict(view) for view in towers[REFERENCE].views]
    with Context("flips", settings, Volume(settings.volume)) as context:
        make = partial(pixel_batches, context.workers, views=views, batch_size=settings.batch_size)
        for batch in make(((str(path), path) for path in sample), max_pixels=settings.max_pixels):
            (pixels,) = batch.pixels.values()
            for name, tower in towers.items():
                rows[name].append(tower.features(pixels))
    return {name: np.concatenate(parts) for name, parts in rows.items()}


if __name__ == "__main__":
    main()
