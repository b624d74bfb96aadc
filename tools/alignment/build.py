"""Fit a whole model set of profile lite on some pictures, and let it judge others, all through the product's code."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from alignment import fit, groups
from alignment.fit import TrainingData
from numpy.typing import NDArray

from medsift import voters
from medsift.contracts import Verdict, Vote
from medsift.encoders._efficientnet import LAST, efficientnet_tower
from medsift.encoders._minilm import TextTower
from medsift.encoders.cnn import CnnEncoder
from medsift.encoders.engines import REFERENCE
from medsift.encoders.lite import LiteEncoder
from medsift.modelsets import ALIGNMENT, HEAD, Alignment, Calibration, ModelSet, clusters_file, save
from medsift.modelsets.alignment import read_alignment, write_alignment
from medsift.modelsets.calibrating import fit_calibration, priced
from medsift.modelsets.clusters import fit_clusters, write_clusters
from medsift.modelsets.heads import write_head
from medsift.prompts import PromptSet
from medsift.settings import Settings
from medsift.strategies import STRATEGIES, Tally
from medsift.volume import atomic_folder, sha256_of_file
from medsift.voters import Evidence, Prompted

PROFILE = "lite"
CLUSTERS = 64
REVIEW_THRESHOLD = 0.8
ALIKE_FROM = 0.5  # cosine in the space of words, see docs/experiments.md
UNCALIBRATED = Calibration({"zero_shot": 1.0}, 1.0)
Vectors = dict[str, NDArray[np.float32]]


class Lite:
    """Both encoders of profile lite over features that are there already."""

    def __init__(self, alignment: Alignment, text_tower: TextTower, prompts: PromptSet) -> None:
        tower = efficientnet_tower(Settings(engine=REFERENCE))
        self.words = LiteEncoder(tower, text_tower, alignment)
        self.cnn = CnnEncoder(tower, LAST)
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
        """Vectors by encoder of features averaged over the scored views (n, p)."""
        return {encoder.name: encoder.from_features(features) for encoder in (self.words, self.cnn)}


def fit_set(
    folder: Path, data: TrainingData, text_tower: TextTower, prompts: PromptSet, cache: Path
) -> tuple[ModelSet, Lite]:
    """Alignment, head and clusters, uncalibrated, written to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = _fitted_maps(data, cache)
    for name in (ALIGNMENT, HEAD):
        shutil.copy(kept / name, folder / name)
    lite = Lite(read_alignment(folder / ALIGNMENT, sha256_of_file(folder / ALIGNMENT)), text_tower, prompts)
    vectors = lite.vectors(data.scored_features())
    # Here the labels are known: they name the clusters in place of what zero-shot says.
    is_medical = (data.rows["label"] == "medical").to_numpy().astype(np.float32)
    for name, rows in vectors.items():
        write_clusters(folder / clusters_file(name), fit_clusters(rows, is_medical, CLUSTERS))
    return pin(folder, lite, prompts, UNCALIBRATED), lite


def _fitted_maps(data: TrainingData, cache: Path) -> Path:
    """The folder of alignment and head: fitted, or kept from a call with the same pictures, captions and code."""
    code = Path(fit.__file__).read_bytes() + Path(groups.__file__).read_bytes()
    parts = (code, data.features.tobytes(), data.captions.vectors.tobytes(), data.rows.to_csv().encode())
    folder = cache / f"maps-{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}"
    if not folder.exists():
        alignment, head = fit.fit_maps(data)
        with atomic_folder(folder) as unfinished:
            write_alignment(unfinished / ALIGNMENT, alignment)
            write_head(unfinished / HEAD, head)
    return folder


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


def cast_votes(files: pd.Series, vectors: Vectors, model_set: ModelSet, lite: Lite) -> list[Vote]:
    """Votes of every registered voter on pictures without words or tags, named by their file."""
    blank: list[dict[str, str]] = [{}] * len(files)
    evidence = Evidence(list(files), vectors, [""] * len(files), blank)
    return voters.cast_votes(evidence, lite.prompted, model_set)


def calibrate(votes: list[Vote], rows: pd.DataFrame, folds: pd.Series) -> Calibration:
    """Calibration from votes on pictures their model set never saw, with what recalls cost where a fold is new."""
    tally = Tally.of(list(rows["file"]), votes)
    is_medical = (rows["label"] == "medical").to_numpy()
    fitted = fit_calibration(tally.log_odds(), list(tally.voters), is_medical)
    priced_by_fold = priced(fitted, tally.log_odds(), tally.voters, is_medical, folds.to_numpy())
    return replace(priced_by_fold, alike_from=ALIKE_FROM)


def decide(votes: list[Vote], files: pd.Series, model_set: ModelSet, calibration: Calibration) -> list[Verdict]:
    """Verdicts as a product run gives them, with that calibration."""
    strategy = STRATEGIES.get("weighted_log_odds")
    return strategy(list(files), votes, replace(model_set, calibration=calibration), REVIEW_THRESHOLD)
