"""Judge every picture of the corpus by a model set of profile lite that saw none of its source, one source at a time.

    python tools/leave_one_source_out.py --corpus CORPUS [--cache DIR]

What a new source of known kinds may expect, where the 8 folds often leave most of a kind out too. Everything is fitted
anew for each source, so it takes an hour; a call that was broken off goes on where it stood. Writes
docs/leave_one_source_out.json, of which tools/write_tables.py makes the tables of docs/evaluation.md, and the plot
docs/img/calibration.svg.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from alignment.crossval import NO_FOLD, figures, fit_folds
from alignment.plots import plot_reliability
from threadpoolctl import threadpool_limits
from train_alignment import HERE, LEFT_OUT_KIND, PROMPT_SET, counted, load_data, parse_options

from medsift.contracts import MEDICAL
from medsift.evaluation.calibration import reliability
from medsift.evaluation.metrics import decided
from medsift.evaluation.predictions import Prediction, voter_names
from medsift.prompts import load_prompts

DOCS = HERE.parent / "docs"
RESULT, PLOT = DOCS / "leave_one_source_out.json", DOCS / "img" / "calibration.svg"


def main() -> None:
    options = parse_options(__doc__)
    data = load_data(options.corpus, options.cache)
    torch.set_num_threads(1)
    threadpool_limits(1)
    of_folds = set(pd.read_csv(HERE / "folds.csv")["source"])
    sources = data.rows["source"]
    numbers = pd.Series(pd.factorize(sources)[0], index=data.rows.index).where(sources.isin(of_folds), NO_FOLD)
    trained = data.rows["kind"] != LEFT_OUT_KIND
    prompts = load_prompts(HERE.parent / "prompts", PROMPT_SET)
    of_sources = fit_folds(data, trained, numbers, prompts, options.cache / "sources").judge(data)
    judged, alone = counted(of_sources.predictions), counted(of_sources.alone)
    confidences, is_right = decided(judged)
    document = {
        **figures(judged),
        "alone": figures(alone),
        "by_kind_and_voter": by_kind_and_voter(judged),
        "reliability": [vars(each) for each in reliability(confidences, is_right)],
    }
    RESULT.write_text(json.dumps(document, indent=1) + "\n")
    plot_reliability(document["reliability"], PLOT)
    print(f"balanced accuracy {document['balanced_accuracy']:.4f}, written to {RESULT}")


def by_kind_and_voter(predictions: Sequence[Prediction]) -> dict[str, dict[str, float | None]]:
    """Of each kind the share that each voter gets right of those it votes on; None where it never does."""
    of_kinds: dict[str, list[Prediction]] = defaultdict(list)
    for prediction in predictions:
        of_kinds[prediction.kind].append(prediction)
    voters = voter_names(predictions)
    return {kind: {voter: _share(voter, members) for voter in voters} for kind, members in sorted(of_kinds.items())}


def _share(voter: str, predictions: Sequence[Prediction]) -> float | None:
    said: list[tuple[Prediction, Any]] = [(prediction, prediction.votes.get(voter)) for prediction in predictions]
    right = [(vote >= 0.5) == (prediction.label == MEDICAL) for prediction, vote in said if vote is not None]
    return sum(right) / len(right) if right else None


if __name__ == "__main__":
    main()
