"""Step `ensemble`: pictures alike vote on one another, then votes become verdicts by strategy and calibration."""

import logging
from collections import Counter

from medsift.contracts import Verdict, Vote
from medsift.modelsets.calibrating import NEIGHBOURS
from medsift.steps.company import CompanyOfRun
from medsift.steps.context import Context, Summary
from medsift.steps.operating_point import at_operating_point
from medsift.steps.portions import ONE_BY_ONE, pictures_of, portions_of, votes_of
from medsift.steps.resources import log_rate
from medsift.steps.run_model_set import model_set_of_run
from medsift.steps.tables import write_rows
from medsift.strategies import STRATEGIES

log = logging.getLogger(__name__)
STEP = "ensemble"


def run(context: Context) -> Summary:
    """Decide for every picture of the run; leaves `<portion>.votes` of `neighbours`, and `<portion>.verdicts`."""
    decide = STRATEGIES.get(context.settings.strategy)
    model_set = at_operating_point(context.settings, model_set_of_run(context))
    portions = portions_of(context)
    company = CompanyOfRun(context, model_set)
    labels: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    review = in_company = 0
    with log_rate(log, STEP, "pictures", sum(portion.pictures for portion in portions)) as rate:
        for portion in portions:
            sha256s = [picture.sha256 for picture in pictures_of(context, portion)]
            votes = votes_of(context, portion, ONE_BY_ONE)
            of_neighbours = company.votes(sha256s)
            write_rows(context.volume.table(context.run_id, STEP, f"{portion.name}.votes"), Vote, of_neighbours)
            in_company += sum(vote.probability is not None for vote in of_neighbours)
            verdicts = decide(sha256s, [*votes, *of_neighbours], model_set, context.settings.review_threshold)
            write_rows(context.volume.table(context.run_id, STEP, f"{portion.name}.verdicts"), Verdict, verdicts)
            labels.update(verdict.verdict for verdict in verdicts)
            kinds.update(verdict.kind for verdict in verdicts if verdict.kind)
            review += sum(verdict.needs_review for verdict in verdicts)
            rate.step(len(verdicts))
    log.info("%s: %d votes, %d abstentions", NEIGHBOURS, in_company, labels.total() - in_company)
    log.info("%d medical, %d non-medical, %d to review", labels["medical"], labels["non-medical"], review)
    log.info("kinds: %s", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "none")
    return {"medical": labels["medical"], "non_medical": labels["non-medical"], "to_review": review}
