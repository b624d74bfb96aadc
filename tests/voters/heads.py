"""What tests of voters that rest on a head share: a model set of nothing else, and one voter's vote on one vector."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medsift.contracts import Vote
from medsift.modelsets import EXAMPLES, HEAD, Calibration, Examples, Head, ModelSet, save
from medsift.modelsets.examples import write_examples
from medsift.modelsets.heads import write_head
from medsift.voters import Evidence, Prompted, Voter

UNCALIBRATED = Calibration({}, 1.0)


def set_of_head(
    folder: Path,
    head: Head,
    fitted: Sequence[str],
    examples: Examples | None = None,
    calibration: Calibration = UNCALIBRATED,
) -> ModelSet:
    folder.mkdir(exist_ok=True)
    write_head(folder / HEAD, head)
    if examples:
        write_examples(folder / EXAMPLES, examples)
    return save(
        folder, name="t", profile="t", encoders=dict.fromkeys(fitted, ""), prompt_set="", spaces=(),
        calibration=calibration,
    )  # fmt: skip


def vote_on(vector: Sequence[float], voter: Voter, prompted: Prompted, model_set: ModelSet | None) -> Vote:
    evidence = Evidence(["p"], {"words": np.array([vector], np.float32)}, [""], [{}])
    return voter.vote(evidence, prompted, model_set)[0]
