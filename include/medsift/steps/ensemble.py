"""Step `ensemble`: votes to verdicts, by the strategy and the calibration of the model set."""

import logging
from collections import Counter

from medsift.contracts import Picture, Verdict, Vote
from medsift.steps.context import Context, Summary
from medsift.steps.profile import current_model_set
from medsift.steps.resources import log_rate
from medsift.steps.tables import read_rows, write_rows
from medsift.strategies import STRATEGIES

log = logging.getLogger(__name__)
STEP = "ensemble"


def run(context: Context) -> Summary:
    """Decide for every picture of the run; leaves `verdicts`."""
    pictures = read_rows(context.volume.table(context.run_id, "shard", "pictures"), Picture)
    votes = [
        vote
        for step in ("cluster", "score")
        for vote in read_rows(context.volume.table(context.run_id, step, "votes"), Vote)
    ]
    decide = STRATEGIES.get(context.settings.strategy)
    sha256s = [picture.sha256 for picture in pictures]
    with log_rate(log, STEP, "pictures", len(sha256s)) as rate:
        verdicts = decide(sha256s, votes, current_model_set(context.settings), context.settings.review_threshold)
        write_rows(context.volume.table(context.run_id, STEP, "verdicts"), Verdict, verdicts)
        rate.step(len(verdicts))
    labels = Counter(verdict.verdict for verdict in verdicts)
    kinds = Counter(verdict.kind for verdict in verdicts if verdict.kind)
    review = sum(verdict.needs_review for verdict in verdicts)
    log.info("%d medical, %d non-medical, %d to review", labels["medical"], labels["non-medical"], review)
    log.info("kinds: %s", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "none")
    return {"medical": labels["medical"], "non_medical": labels["non-medical"], "to_review": review}
