"""Judge pictures that packages carry (tools/alignment/packages) by model sets of profile lite that never saw theirs.

    python tools/judge_packages.py --corpus CORPUS [--cache DIR]

Most were chosen for what they show and not for how they fare, so they say what a user's own pile may expect; those of
the table `alike` were chosen because they are taken for others, and are counted apart. Judged twice: by a set that was
trained on no package, and each by one that was trained on other packages. Both calibrated as the set that ships. Writes
docs/packages.json, of which tools/write_tables.py makes a table of docs/evaluation.md.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from alignment.build import cast_votes, decide, fit_set
from alignment.crossval import part_of, predictions_of
from alignment.fit import TrainingData
from alignment.found import read_table, read_tables
from threadpoolctl import threadpool_limits
from train_alignment import HERE, LEFT_OUT_KIND, PROMPT_SET, load_data, parse_options

from medsift.contracts import MEDICAL
from medsift.encoders._minilm import TextTower
from medsift.evaluation.predictions import Prediction
from medsift.modelsets import shipped_set
from medsift.prompts import PromptSet, load_prompts

PARTS = 8
ALIKE = "alike"
RESULT = HERE.parent / "docs" / "packages.json"


def main() -> None:
    options = parse_options(__doc__)
    data = load_data(options.corpus, options.cache)
    torch.set_num_threads(1)
    threadpool_limits(1)
    data = part_of(data, (data.rows["kind"] != LEFT_OUT_KIND).to_numpy())
    packages = {archive["source"]: number for number, archive in enumerate(read_tables())}
    numbers = data.rows["source"].map(packages)
    prompts = load_prompts(HERE.parent / "prompts", PROMPT_SET)
    judged = {
        "none": _judge(data, numbers * 0, prompts, options.cache),
        "others": _judge(data, numbers % PARTS, prompts, options.cache),
    }
    alike = {archive["source"] for archive in read_table(ALIKE)}
    document = {"any": _summaries(judged, set(packages) - alike), ALIKE: _summaries(judged, alike)}
    RESULT.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps({name: said["all"] for name, said in document.items()}, indent=1))


def _summaries(judged: dict[str, list[Prediction]], packages: set[str]) -> dict[str, Any]:
    """Of all pictures of some packages, and by kind, what the sets trained on none and on others said."""
    chosen = {name: [each for each in said if each.source in packages] for name, said in judged.items()}
    kinds = sorted({each.kind for said in chosen.values() for each in said})
    of_kinds = {kind: {name: [p for p in said if p.kind == kind] for name, said in chosen.items()} for kind in kinds}
    rows = {"all": chosen, **of_kinds}
    return {row: {name: summary(said) for name, said in by_set.items()} for row, by_set in rows.items()}


def _judge(data: TrainingData, parts: pd.Series, prompts: PromptSet, cache: Path) -> list[Prediction]:
    """Predictions of every picture that is in a part, by a set that was fitted on all that are not in it."""
    text_tower, calibration = TextTower(), shipped_set("lite").calibration
    votes, verdicts = [], {}
    for part in sorted(parts.dropna().unique()):
        held_out = (parts == part).to_numpy()
        model_set, lite = fit_set(cache / "package", part_of(data, ~held_out), text_tower, prompts, cache)
        judged = part_of(data, held_out)
        cast = cast_votes(judged.rows["file"], judged.scored_features(), model_set, lite)
        verdicts |= {each.sha256: each for each in decide(cast, judged.rows["file"], model_set, calibration)}
        votes += cast
    return predictions_of(data.rows, verdicts, votes)


def summary(predictions: list[Prediction]) -> dict[str, Any]:
    """Shares of the pictures: label right, right of those not sent to review, sent to review, kind named right."""
    is_right = np.array([(each.probability or 0) >= 0.5 for each in predictions]) == [
        each.label == MEDICAL for each in predictions
    ]
    in_review = np.array([each.needs_review for each in predictions])
    named = np.array([each.predicted_kind == each.kind for each in predictions])
    return {
        "n": len(predictions),
        "right": float(is_right.mean()),
        "right_when_sure": float(is_right[~in_review].mean()) if (~in_review).any() else None,
        "to_review": float(in_review.mean()),
        "kind_named": float(named.mean()),
    }


if __name__ == "__main__":
    main()
