"""What `cluster` and `score` share: the evidence of a run, portion by portion, put before the voters of one sort."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator

from medsift.contracts import Portion, Surroundings, Vote
from medsift.steps.context import Context, Summary
from medsift.steps.portions import pictures_of, portions_of, rows_of
from medsift.steps.profile import encoder_digests, prompted
from medsift.steps.resources import log_rate
from medsift.steps.run_model_set import usable_model_set_of_run
from medsift.steps.tables import write_rows
from medsift.steps.vectors import of_portion
from medsift.voters import NO_VECTOR, VOTERS, Evidence, Voter

log = logging.getLogger(__name__)


def vote_with(
    context: Context, step: str, *, uses_clusters: bool, also: Callable[[Portion, Evidence], None] | None = None
) -> Summary:
    """Let the voters of one sort vote on every picture of the run; leaves `<portion>.votes`.

    `also` is called with the evidence of each portion. From pictures that have no vectors every voter abstains.
    """
    voters = [VOTERS.get(name)() for name in VOTERS.names() if VOTERS.get(name).uses_clusters == uses_clusters]
    total = sum(portion.pictures for portion in portions_of(context))
    said: Counter[str] = Counter()
    with log_rate(log, step, "pictures", total) as rate:
        for portion, evidence, without in gather(context):
            votes = _votes(context, voters, evidence)
            said.update(vote.voter for vote in votes if vote.probability is not None)
            votes += [Vote(sha256, voter.name, None, reason=NO_VECTOR) for sha256 in without for voter in voters]
            write_rows(context.volume.table(context.run_id, step, f"{portion.name}.votes"), Vote, votes)
            if also is not None:
                also(portion, evidence)
            context.progress(step, rate.step(portion.pictures), total)
    for voter in voters:
        log.info("%s: %d votes, %d abstentions", voter.name, said[voter.name], total - said[voter.name])
    return {"pictures": total, **{voter.name: said[voter.name] for voter in voters}}


def _votes(context: Context, voters: list[Voter], evidence: Evidence) -> list[Vote]:
    if not evidence.sha256s:
        return []
    prompts, model_set = prompted(context.settings), usable_model_set_of_run(context)
    return [vote for voter in voters for vote in voter.vote(evidence, prompts, model_set)]


def gather(context: Context) -> Iterator[tuple[Portion, Evidence, list[str]]]:
    """Of each portion the evidence of all pictures that have vectors, and the identities of those that have none."""
    digests = encoder_digests(context.settings)
    for portion in portions_of(context):
        wanted = [picture.sha256 for picture in pictures_of(context, portion)]
        vectors = {name: of_portion(context, name, digest, portion, wanted) for name, digest in digests.items()}
        sha256s = [sha256 for sha256 in wanted if all(sha256 in known.row_of for known in vectors.values())]
        around = {row.sha256: row for row in rows_of(context, portion, "shard", "surroundings", Surroundings)}
        evidence = Evidence(
            sha256s,
            {name: known.of(sha256s) for name, known in vectors.items()},
            [around[sha256].captions for sha256 in sha256s],
            [around[sha256].tags for sha256 in sha256s],
        )
        yield portion, evidence, sorted(set(wanted) - set(sha256s))
