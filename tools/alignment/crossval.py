"""The yardstick: 8 folds over whole sources, everything fitted anew for each, no figure from a picture trained on."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from alignment.build import Lite, calibrate, cast_votes, decide, fit_set
from alignment.fit import TrainingData
from numpy.typing import NDArray

from medsift.contracts import MEDICAL, NON_MEDICAL, Verdict, Vote
from medsift.encoders._minilm import TextTower
from medsift.evaluation.metrics import intervals, measure
from medsift.evaluation.predictions import Prediction
from medsift.modelsets import Calibration, ModelSet
from medsift.prompts import PromptSet
from medsift.steps.company import votes_of_pile

NO_FOLD = -1
SIDES = (MEDICAL, NON_MEDICAL)
MANY_SOURCES = 3  # a kind that fewer carry is often left out whole by a fold


@dataclass(frozen=True)
class OfFolds:
    """Predictions in company and, `alone`, of each picture by itself; and the votes behind them."""

    predictions: list[Prediction]
    alone: list[Prediction]
    votes: list[Vote]


@dataclass(frozen=True)
class FittedFolds:
    """For each fold a set that saw none of its pictures.

    `trained` says which of `rows` may be trained on; the others are judged all the same.
    """

    rows: pd.DataFrame
    trained: pd.Series
    folds: pd.Series
    sets: dict[int, tuple[ModelSet, Lite]]

    def judge(self, shown: TrainingData, calibration: Calibration | None = None) -> OfFolds:
        """A prediction for every picture in a fold: the pictures of a source lie together.

        `shown` is what is judged, row by row. The calibration of a fold is fitted on the votes of all other folds,
        where none is given.
        """
        votes: dict[int, list[Vote]] = {}
        vectors: dict[int, NDArray[np.float32]] = {}
        for fold, (model_set, lite) in self.sets.items():
            judged = part_of(shown, self.held_out(fold))
            of_encoders = lite.vectors(judged.scored_features())
            vectors[fold] = of_encoders[lite.words.name]
            votes[fold] = cast_votes(judged.rows["file"], of_encoders, model_set, lite)
        together, alone = [], []
        company: list[Vote] = []
        for fold, cast in votes.items():
            others = [vote for other, of_other in votes.items() if other != fold for vote in of_other]
            calibrated = calibration or calibrate_on(others, self.rows[self.trained], self.folds)
            rows, (model_set, _) = self.rows[self.held_out(fold)], self.sets[fold]
            files = rows["file"]
            places = zip(files, rows["source"], strict=True)
            of_fold = votes_of_pile(list(files), vectors[fold], cast, calibrated, places)
            company += of_fold
            alone += decide(cast, files, model_set, calibrated)
            together += decide([*cast, *of_fold], files, model_set, calibrated)
        everything = [*(vote for cast in votes.values() for vote in cast), *company]
        return OfFolds(
            predictions_of(self.rows, together, everything), predictions_of(self.rows, alone, everything), everything
        )

    def held_out(self, fold: int) -> NDArray[np.bool_]:
        """Which pictures are in the fold: (n,)."""
        return (self.folds == fold).to_numpy()


def fit_folds(data: TrainingData, trained: pd.Series, folds: pd.Series, prompts: PromptSet, cache: Path) -> FittedFolds:
    """A set for each fold, kept in `cache`. Pictures in no fold (`NO_FOLD`) are trained on in all of them."""
    text_tower = TextTower()
    sets: dict[int, tuple[ModelSet, Lite]] = {}
    for fold in sorted(set(folds) - {NO_FOLD}):
        seen = ((folds != fold) & trained).to_numpy()
        sets[fold] = fit_set(cache / f"fold-{fold}", part_of(data, seen), text_tower, prompts, cache)
        print(f"fold {fold}: fitted on {seen.sum()} pictures, {(folds == fold).sum()} held out", flush=True)
    return FittedFolds(data.rows, trained, folds, sets)


def calibrate_on(votes: list[Vote], rows: pd.DataFrame, folds: pd.Series) -> Calibration:
    """Calibration from those of the votes that are on pictures of `rows`."""
    voted = rows[rows["file"].isin({vote.sha256 for vote in votes})]
    return calibrate(votes, voted, folds[voted.index])


def figures(predictions: list[Prediction]) -> dict[str, Any]:
    """All figures of `medsift evaluate` but speed and memory, with intervals by source.

    Names that end in `_of_three` are of the kinds that three sources or more carry, `_of_fewer` of the others: where
    the only source of a kind is left out, so is the kind.
    """
    measured = measure(predictions, seconds=0.0, peak_mb=0.0)
    for name in ("seconds", "pictures_per_second", "peak_mb"):
        del measured[name]
    sources = _sources_of_kinds(predictions)
    f1 = _kind_f1(predictions, list(measured["by_kind"]))
    for kind, row in measured["by_kind"].items():
        row |= {"sources": len(sources[kind]), "kind_f1": f1[kind]}
    for name, chosen in (("", SIDES), ("_medical", (MEDICAL,)), ("_others", (NON_MEDICAL,))):
        measured[f"kind_macro_f1_of_three{name}"] = kind_macro_f1(predictions, chosen)
    found = intervals(predictions)
    for name, is_many in (("of_three", True), ("of_fewer", False)):
        part = [each for each in predictions if (len(sources[each.kind]) >= MANY_SOURCES) == is_many]
        measured[f"n_{name}"] = len(part)
        measured[f"balanced_accuracy_{name}"] = measure(part, 0.0, 0.0)["balanced_accuracy"] if part else None
        found[f"balanced_accuracy_{name}"] = intervals(part)["balanced_accuracy"] if part else None
    return {**measured, "intervals": found}


def kind_macro_f1(predictions: list[Prediction], sides: Sequence[str] = SIDES) -> float | None:
    """Macro-F1 of naming the kind, over kinds of these sides that three sources or more carry; None for no kind."""
    sources = _sources_of_kinds(predictions)
    label_of = {prediction.kind: prediction.label for prediction in predictions}
    many = [kind for kind in sorted(sources) if len(sources[kind]) >= MANY_SOURCES and label_of[kind] in sides]
    return float(np.mean(list(_kind_f1(predictions, many).values()))) if many else None


def _sources_of_kinds(predictions: list[Prediction]) -> dict[str, set[str]]:
    sources: dict[str, set[str]] = defaultdict(set)
    for prediction in predictions:
        sources[prediction.kind].add(prediction.source)
    return sources


def _kind_f1(predictions: list[Prediction], kinds: list[str]) -> dict[str, float]:
    from sklearn.metrics import f1_score

    said = [prediction.predicted_kind or "" for prediction in predictions]
    truth = [prediction.kind for prediction in predictions]
    scores = f1_score(truth, said, labels=kinds, average=None, zero_division=0)
    return dict(zip(kinds, map(float, scores), strict=True))


def part_of(data: TrainingData, chosen: np.ndarray) -> TrainingData:
    """The training data of some pictures only."""
    return TrainingData(data.features[chosen], data.scored, data.rows[chosen].reset_index(drop=True), data.captions)


def predictions_of(rows: pd.DataFrame, decided: Iterable[Verdict], votes: list[Vote]) -> list[Prediction]:
    """A prediction for each row that has a verdict, from verdicts and votes on files."""
    verdicts = {verdict.sha256: verdict for verdict in decided}
    by_file: dict[str, dict[str, float | None]] = defaultdict(dict)
    for vote in votes:
        by_file[vote.sha256][vote.voter] = vote.probability
    return [
        Prediction(
            row.file,
            row.label,
            row.kind,
            row.source,
            verdict=(verdict := verdicts[row.file]).verdict,
            probability=verdict.probability,
            confidence=verdict.confidence,
            predicted_kind=verdict.kind,
            needs_review=verdict.needs_review,
            votes=by_file[row.file],
        )
        for row in rows.itertuples()
        if row.file in verdicts
    ]
