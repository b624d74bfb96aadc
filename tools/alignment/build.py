"""Fit a whole model set of profile lite on some pictures, and let it judge others, all through the product's code."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from alignment import fit
from alignment.fit import TrainingData
from numpy.typing import NDArray

from medsift.contracts import Verdict, Vote
from medsift.encoders._efficientnet import efficientnet_tower
from medsift.encoders._minilm import TextTower
from medsift.encoders.cnn import CnnEncoder
from medsift.encoders.engines import REFERENCE
from medsift.encoders.lite import LiteEncoder
from medsift.modelsets import ALIGNMENT, Alignment, Calibration, ModelSet, clusters_file, save
from medsift.modelsets.alignment import read_alignment, write_alignment
from medsift.modelsets.calibrating import fit_calibration
from medsift.modelsets.clusters import fit_clusters, write_clusters
from medsift.prompts import PromptSet
from medsift.settings import Settings
from medsift.strategies import STRATEGIES, Tally
from medsift.volume import sha256_of_file
from medsift.voters import VOTERS, Evidence, Prompted
from medsift.voters.zero_shot import zero_shot_log_odds

PROFILE = "lite"
CLUSTERS = 64
REVIEW_THRESHOLD = 0.8
UNCALIBRATED = Calibration({"zero_shot": 1.0}, 1.0)
Vectors = dict[str, NDArray[np.float32]]


class Lite:
    """Both encoders of profile lite over features that are there already."""

    def __init__(self, alignment: Alignment, text_tower: TextTower, prompts: PromptSet) -> None:
        tower = efficientnet_tower(Settings(engine=REFERENCE))
        self.words = LiteEncoder(tower, text_tower, alignment)
        self.cnn = CnnEncoder(tower)
        self.prompted = Prompted(
            self.words.name,
            self.words.scale,
            self.words.encode_texts(prompts.texts),
            [prompt.kind for prompt in prompts.prompts],
            [prompt.is_medical for prompt in prompts.prompts],
        )

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each encoder."""
        return {encoder.name: encoder.digest for encoder in (self.words, self.cnn)}

    def vectors(self, features: NDArray[np.float32]) -> Vectors:
        """Vectors by encoder of features averaged over the scored views (n, 1280)."""
        return {encoder.name: encoder.from_features(features) for encoder in (self.words, self.cnn)}


def fit_set(
    folder: Path, data: TrainingData, text_tower: TextTower, prompts: PromptSet, cache: Path
) -> tuple[ModelSet, Lite]:
    """Alignment and clusters, uncalibrated, written to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_fitted_alignment(data, cache), folder / ALIGNMENT)
    lite = Lite(read_alignment(folder / ALIGNMENT, sha256_of_file(folder / ALIGNMENT)), text_tower, prompts)
    vectors = lite.vectors(data.features[:, : data.scored].mean(axis=1))
    odds = zero_shot_log_odds(vectors[PROFILE], lite.prompted)
    zero_shot = (1 / (1 + np.exp(-odds))).astype(np.float32)
    for name, rows in vectors.items():
        write_clusters(folder / clusters_file(name), fit_clusters(rows, zero_shot, CLUSTERS))
    return pin(folder, lite, prompts, UNCALIBRATED), lite


def _fitted_alignment(data: TrainingData, cache: Path) -> Path:
    """The alignment's file: fitted, or kept from a call with the same pictures, captions and code."""
    code = Path(fit.__file__).read_bytes()
    parts = (code, data.features.tobytes(), data.captions.vectors.tobytes(), data.rows.to_csv().encode())
    path = cache / f"alignment-{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}.safetensors"
    if not path.exists():
        write_alignment(path, fit.fit_alignment(data))
    return path


def pin(folder: Path, lite: Lite, prompts: PromptSet, calibration: Calibration) -> ModelSet:
    """Write the manifest over all files in `folder`."""
    return save(
        folder,
        name=f"{PROFILE}-1",
        profile=PROFILE,
        encoders=lite.digests,
        prompt_set=prompts.digest,
        spaces=(tuple(lite.digests),),
        calibration=calibration,
    )


def cast_votes(files: pd.Series, features: NDArray[np.float32], model_set: ModelSet, lite: Lite) -> list[Vote]:
    """Votes of every registered voter on pictures without words or tags, named by their file."""
    blank: list[dict[str, str]] = [{}] * len(files)
    evidence = Evidence(list(files), lite.vectors(features), [""] * len(files), blank)
    return [vote for name in VOTERS.names() for vote in VOTERS.get(name)().vote(evidence, lite.prompted, model_set)]


def calibrate(votes: list[Vote], rows: pd.DataFrame) -> Calibration:
    """Calibration from votes on pictures their model set never saw."""
    tally = Tally.of(list(rows["file"]), votes)
    return fit_calibration(tally.log_odds(), list(tally.voters), (rows["label"] == "medical").to_numpy())


def decide(votes: list[Vote], files: pd.Series, model_set: ModelSet, calibration: Calibration) -> list[Verdict]:
    """Verdicts as a product run gives them, with that calibration."""
    strategy = STRATEGIES.get("weighted_log_odds")
    return strategy(list(files), votes, replace(model_set, calibration=calibration), REVIEW_THRESHOLD)
