"""How much better kinds are named once people named some, by the folds of tools/train_alignment.py.

    python tools/teach_kinds.py --corpus CORPUS [--cache DIR]

In each fold some pictures are labelled with their kind, as people would, and all others judged in company. The
labelled are drawn at random from all sources of the fold, under the names that prompts have or names of people's own;
or are all of one half of its sources, so that the rest is mostly of kinds that nobody labelled. Prints the table of
docs/experiments.md, "Kinds that people name".
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from alignment.build import ALIKE_FROM, UNCALIBRATED, pin
from alignment.crossval import NO_FOLD, FittedFolds, kind_macro_f1, part_of
from alignment.fit import TrainingData
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from train_alignment import HERE, LEFT_OUT_KIND, PROMPT_SET, fitted_on_folds, load_data, parse_options

from medsift.evaluation.predictions import Prediction
from medsift.modelsets import EXAMPLES, shipped_set
from medsift.modelsets.examples import examples_of, write_examples
from medsift.prompts import PromptSet, load_prompts

DRAWS = 3
OWN = "own "  # before a kind's name, it is one that no prompt has
Flags = NDArray[np.bool_]
Chooser = Callable[[pd.DataFrame, np.random.Generator], Flags]


@dataclass(frozen=True)
class Lesson:
    """Which pictures of a fold (n,) are labelled, and what goes before the names of their kinds."""

    name: str
    labelled: Chooser
    prefix: str = ""


def main() -> None:
    options = parse_options(__doc__)
    data = load_data(options.corpus, options.cache)
    torch.set_num_threads(1)
    threadpool_limits(1)
    prompts = load_prompts(HERE.parent / "prompts", PROMPT_SET)
    fitted = fitted_on_folds(data, prompts, options.cache)
    print("| labelled in each fold | judged | right, before | right, taught | kind F1, before | kind F1, taught |")
    print("| --- | --- | --- | --- | --- | --- |")
    for lesson in LESSONS:
        draws = [measured(fitted, data, lesson, number, prompts, options.cache / "taught") for number in range(DRAWS)]
        count, *shares = np.mean(draws, axis=0)
        print(f"| {lesson.name} | {count:,.0f} | {' | '.join(f'{share:.3f}' for share in shares)} |", flush=True)


def measured(
    fitted: FittedFolds, data: TrainingData, lesson: Lesson, number: int, prompts: PromptSet, cache: Path
) -> tuple[int, float, float, float | None, float | None]:
    """Pictures judged; share named right and F1 over kinds of three sources or more, before and after the lesson."""
    labelled, sets, taught_in = np.zeros(len(data.rows), bool), {}, {}
    for fold, (model_set, lite) in fitted.sets.items():
        held_out = fitted.held_out(fold)
        labelled[held_out] = lesson.labelled(data.rows[held_out], np.random.default_rng((number, fold)))
        chosen = labelled & held_out
        vectors = lite.vectors(part_of(data, chosen).scored_features())[lite.words.name]
        kinds = [lesson.prefix + kind for kind in data.rows["kind"][chosen]]
        is_medical = (data.rows["label"][chosen] == "medical").to_numpy()
        taught_in |= dict.fromkeys(data.rows["source"][held_out], frozenset(kinds))
        folder = shutil.copytree(model_set.folder, cache / model_set.folder.name, dirs_exist_ok=True)
        (folder / EXAMPLES).unlink(missing_ok=True)
        if examples := examples_of(lite.words.name, vectors, kinds, is_medical):
            write_examples(folder / EXAMPLES, examples)
        sets[fold] = pin(folder, lite, prompts, replace(UNCALIBRATED, alike_from=ALIKE_FROM)), lite
    judged = ~labelled & (data.rows["kind"] != LEFT_OUT_KIND) & (fitted.folds != NO_FOLD)
    files = set(data.rows["file"][judged])
    calibration = shipped_set("lite").calibration
    before, after = (
        [each for each in of.judge(data, calibration).predictions if each.file in files]
        for of in (fitted, replace(fitted, sets=sets))
    )
    after = [replace(each, predicted_kind=said_of(each, lesson, taught_in[each.source])) for each in after]
    return len(files), share_named(before), share_named(after), kind_macro_f1(before), kind_macro_f1(after)


def said_of(prediction: Prediction, lesson: Lesson, taught_kinds: frozenset[str]) -> str:
    """The kind without what goes before its name; none where people have a name for it and it was not used."""
    kind = prediction.predicted_kind or ""
    if lesson.prefix and lesson.prefix + kind in taught_kinds:
        return ""
    return kind.removeprefix(lesson.prefix)


def share_named(predictions: list[Prediction]) -> float:
    """Share of pictures whose kind is named right."""
    return float(np.mean([each.predicted_kind == each.kind for each in predictions]))


def at_random(count: int) -> Chooser:
    """So many pictures, of whatever source."""
    return lambda rows, draw: np.isin(np.arange(len(rows)), draw.permutation(len(rows))[:count])


def half_of_sources(rows: pd.DataFrame, draw: np.random.Generator) -> Flags:
    """All pictures of every second source."""
    sources = draw.permutation(np.unique(rows["source"]))
    return rows["source"].isin(sources[::2]).to_numpy()


LESSONS = [
    *(Lesson(f"{count} pictures", at_random(count)) for count in (20, 50, 100)),
    Lesson("50 pictures, under names that no prompt has", at_random(50), OWN),
    Lesson("all of one half of the sources", half_of_sources),
    Lesson("the same, under names that no prompt has", half_of_sources, OWN),
]

if __name__ == "__main__":
    main()
