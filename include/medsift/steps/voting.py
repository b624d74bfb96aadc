"""What `cluster` and `score` share: the evidence of a run, put before the voters of one sort."""

import logging
from collections import defaultdict

from medsift.contracts import Occurrence, Picture, Vote
from medsift.steps.context import Context, Summary
from medsift.steps.profile import encoder_digests, prompted, usable_model_set
from medsift.steps.resources import log_rate
from medsift.steps.tables import read_rows, write_rows
from medsift.steps.vectors import of_run
from medsift.voters import VOTERS, Evidence

log = logging.getLogger(__name__)


def vote_with(context: Context, step: str, evidence: Evidence, without: list[str], *, uses_clusters: bool) -> Summary:
    """Let the voters of one sort vote on every picture of the run; leaves `<step>/votes`.

    `without` are pictures that have no vectors: every voter abstains from them.
    """
    voters = [voter for name in VOTERS.names() if (voter := VOTERS.get(name)).uses_clusters == uses_clusters]
    votes: list[Vote] = []
    summary: Summary = {"pictures": len(evidence.sha256s) + len(without)}
    with log_rate(log, step, "pictures", len(evidence.sha256s)) as rate:
        if evidence.sha256s:
            prompts = prompted(context.settings)
            model_set = usable_model_set(context.settings)
            for voter in voters:
                cast = voter().vote(evidence, prompts, model_set)
                abstained = sum(vote.probability is None for vote in cast)
                log.info("%s: %d votes, %d abstentions", voter.name, len(cast) - abstained, abstained)
                summary[voter.name] = len(cast) - abstained
                votes += cast
        rate.step(len(evidence.sha256s))
    votes += [Vote(sha256, voter.name, None, reason="no vector") for sha256 in without for voter in voters]
    write_rows(context.volume.table(context.run_id, step, "votes"), Vote, votes)
    return summary


def gather(context: Context) -> tuple[Evidence, list[str]]:
    """The evidence of all pictures that have vectors, and the identities of those that have none."""
    pictures = read_rows(context.volume.table(context.run_id, "shard", "pictures"), Picture)
    wanted = [picture.sha256 for picture in pictures]
    digests = encoder_digests(context.settings)
    vectors = {name: of_run(context, name, digest, wanted) for name, digest in digests.items()}
    sha256s = [sha256 for sha256 in wanted if all(sha256 in known.row_of for known in vectors.values())]
    words, tags = _words_and_tags(context)
    evidence = Evidence(
        sha256s,
        {name: known.of(sha256s) for name, known in vectors.items()},
        [words[sha256] for sha256 in sha256s],
        [tags.get(sha256, {}) for sha256 in sha256s],
    )
    return evidence, sorted(set(wanted) - set(sha256s))


def _words_and_tags(context: Context) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Captions and nearby words of every place of a picture, and the tags of its first place that has any."""
    words: dict[str, str] = defaultdict(str)
    tags: dict[str, dict[str, str]] = {}
    for occurrence in read_rows(context.volume.table(context.run_id, "shard", "occurrences"), Occurrence):
        if occurrence.sha256:
            words[occurrence.sha256] += f"{occurrence.caption} {occurrence.nearby} "
            if occurrence.tags:
                tags.setdefault(occurrence.sha256, occurrence.tags)
    return words, tags
