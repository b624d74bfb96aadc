"""What tests of voters that rest on a head share: a model set of nothing else, and one voter's vote on one vector."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medsift.contracts import Vote
from medsift.modelsets import HEAD, Calibration, Head, ModelSet, save
from medsift.modelsets.heads import write_head
from medsift.voters import Evidence, Prompted, Voter


def set_of_head(folder: Path, head: Head, fitted: Sequence[str]) -> ModelSet:
    write_head(folder / HEAD, head)
    return save(
        folder, name="t", profile="t", encoders=dict.fromkeys(fitted, ""), prompt_set="", spaces=(),
        calibration=Calibration({}, 1.0),
    )  # fmt: skip


def vote_on(vector: Sequence[float], voter: Voter, prompted: Prompted, model_set: ModelSet | None) -> Vote:
    evidence = Evidence(["p"], {"words": np.array([vector], np.float32)}, [""], [{}])
    return voter.vote(evidence, prompted, model_set)[0]
