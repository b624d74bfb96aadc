"""Judge pictures that packages carry (tools/alignment/packages) by model sets of profile lite that never saw theirs.

    python tools/judge_packages.py --corpus CORPUS [--cache DIR]

Most were chosen for what they show and not for how they fare, so they say what a user's own pile may expect; those of
the table `alike` were chosen because they are taken for others, and are counted apart. Judged twice: by a set that was
trained on no package, and each by one that was trained on other packages. Both calibrated as the set that ships. Writes
docs/packages.json, of which tools/write_tables.py makes a table of docs/evaluation.md.
"""

import json
from typing import Any

import numpy as np
import torch
from alignment.crossval import NO_FOLD, fit_folds
from alignment.found import read_table, read_tables
from threadpoolctl import threadpool_limits
from train_alignment import HERE, LEFT_OUT_KIND, PROMPT_SET, load_data, parse_options

from medsift.evaluation.metrics import right
from medsift.evaluation.predictions import Prediction
from medsift.modelsets import shipped_set
from medsift.prompts import load_prompts

PARTS = 8
ALIKE = "alike"
RESULT = HERE.parent / "docs" / "packages.json"


def main() -> None:
    options = parse_options(__doc__)
    data = load_data(options.corpus, options.cache)
    torch.set_num_threads(1)
    threadpool_limits(1)
    trained = data.rows["kind"] != LEFT_OUT_KIND
    packages = {archive["source"]: number for number, archive in enumerate(read_tables())}
    numbers = data.rows["source"].map(packages)
    prompts = load_prompts(HERE.parent / "prompts", PROMPT_SET)
    calibration = shipped_set("lite").calibration
    judged = {}
    for name, parts in (("none", numbers * 0), ("others", numbers % PARTS)):
        folds, cache = parts.fillna(NO_FOLD).astype(int), options.cache / f"packages-{name}"
        judged[name] = fit_folds(data, trained, folds, prompts, cache).judge(data, calibration).predictions
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


def summary(predictions: list[Prediction]) -> dict[str, Any]:
    """Shares of the pictures: label right, right of those not sent to review, sent to review, kind named right."""
    is_right = right(predictions)
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
