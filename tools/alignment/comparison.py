"""README's comparison on the folds: plain pipelines over the encoders of profile lite, and our ensemble.

No figure is from a source that was trained on: alignment, clusters and calibration are those of each fold.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from alignment.build import PROFILE, REVIEW_THRESHOLD, Lite
from alignment.crossval import NO_FOLD, FittedFolds, predictions_of
from alignment.fit import TrainingData
from numpy.typing import NDArray

from medsift.contracts import Verdict, Vote
from medsift.evaluation.ablation import NO_WEIGHTS, Cost, Row, measured, not_measured
from medsift.evaluation.predictions import Prediction
from medsift.modelsets.clusters import name_clusters, nearest, partition
from medsift.prompts import PromptSet
from medsift.settings import Settings
from medsift.steps.ablation.encoding import Measured, encode
from medsift.steps.ablation.judging import alone
from medsift.steps.ablation.library import cnn_of, words_of
from medsift.steps.ablation.variations import FEWEST, PLAIN_VOTE
from medsift.strategies import STRATEGIES
from medsift.volume import Volume, write_atomically
from medsift.voters.zero_shot import zero_shot_log_odds

ZERO_SHOT, K_MEANS, VOTE, OURS = "zero-shot alone", f"CNN with K-Means, K={FEWEST}", "their plain vote", "our ensemble"
FILLED_BY = (
    "medsift weights fetch --profile clip && medsift ablate --profile clip --manifest M.csv --root DIR --out DIR"
)


def compare(fitted: FittedFolds, data: TrainingData, votes: Sequence[Vote]) -> dict[str, list[Prediction]]:
    """Predictions of the plain pipelines for every picture, by name; `votes` are those of the folds on `data`."""
    folds = fitted.folds
    zero_shot = [vote for vote in votes if vote.voter == "zero_shot"]
    two: list[Vote] = []
    for fold, (_, lite) in fitted.sets.items():
        vectors = lite.vectors(data.scored_features())
        # A plain pipeline groups a pile like what it judges: with pictures that are only trained on, it fares worse.
        seen = (~folds.isin([fold, NO_FOLD]) & fitted.trained).to_numpy()
        judged = fitted.held_out(fold)
        files = list(data.rows["file"][judged])
        two += _two_clusters(files, vectors[lite.cnn.name], vectors[lite.words.name], seen, judged, lite)
    both = [*zero_shot, *two]
    files = [file for file, fold in zip(data.rows["file"], folds, strict=True) if fold != NO_FOLD]
    judged_by: dict[str, tuple[Iterable[Verdict], list[Vote]]] = {
        ZERO_SHOT: (alone({0: zero_shot}, REVIEW_THRESHOLD).values(), zero_shot),
        K_MEANS: (alone({0: two}, REVIEW_THRESHOLD).values(), two),
        VOTE: (STRATEGIES.get(PLAIN_VOTE)(files, both, None, REVIEW_THRESHOLD), both),
    }
    return {name: predictions_of(data.rows, verdicts, cast) for name, (verdicts, cast) in judged_by.items()}


def costs(corpus: Path, files: Sequence[str], prompts: PromptSet, cache: Path) -> tuple[Measured, Measured]:
    """What embedding these pictures takes with the words' encoder of profile lite, and with its CNN."""
    specs = [words_of(PROFILE), cnn_of(PROFILE)]
    volume = Volume(cache / "comparison")
    volume.root.mkdir(parents=True, exist_ok=True)
    named = [(file, corpus / file) for file in files]
    made = encode(Settings(volume=volume.root), specs, volume, named, [prompts.name], lambda _done, _total: None)
    words, cnn = (made[spec].measured for spec in specs)
    return words, cnn


def write_comparison(
    path: Path, predictions: Mapping[str, Sequence[Prediction]], measured_costs: tuple[Measured, Measured]
) -> None:
    """Write the rows as `ablation.json` has them, those of profile clip not measured."""
    words, cnn = measured_costs
    names = {ZERO_SHOT: words.name, K_MEANS: cnn.name}
    rows: list[Row] = []
    for name in (ZERO_SHOT, K_MEANS, VOTE, OURS):
        used = cnn if name == K_MEANS else words  # both run over one tower: a picture passes it once
        cost = Cost(used.pictures / used.seconds, used.peak_mb)
        encoders = names.get(name, f"{words.name}, {cnn.name}")
        rows.append(measured("comparison", name, PROFILE, encoders, predictions[name], cost))
    rows += [
        not_measured("comparison", name, "clip", "CLIP ViT-B/32, MobileNetV2", NO_WEIGHTS, FILLED_BY)
        for name in (ZERO_SHOT, K_MEANS, VOTE, OURS)
    ]
    write_atomically(path, json.dumps({"rows": [asdict(row) for row in rows]}, indent=1).encode() + b"\n")


def _two_clusters(
    files: Sequence[str],
    cnn: NDArray[np.float32],
    words: NDArray[np.float32],
    seen: NDArray[np.bool_],
    judged: NDArray[np.bool_],
    lite: Lite,
) -> list[Vote]:
    """K-Means of the CNN on the pictures of the other folds, every cluster voting what zero-shot says of it."""
    odds = zero_shot_log_odds(words[seen], lite.prompted)
    clusters = name_clusters(partition(cnn[seen], FEWEST), (1 / (1 + np.exp(-odds))).astype(np.float32))
    said = clusters.probability[nearest(cnn[judged], clusters)]
    return [Vote(file, "clusters", float(p)) for file, p in zip(files, said, strict=True)]
