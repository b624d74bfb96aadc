"""Verdicts and the votes they came of become rows, inside the transaction of the one publisher that is at work."""

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection, text

from medsift.contracts import Verdict, Vote
from medsift.store.bulk import copy, stage, values_of

VERDICT_COLUMNS = tuple(field.name for field in fields(Verdict))
VOTE_COLUMNS = tuple(field.name for field in fields(Vote))
BY_PICTURE = attrgetter("sha256")

KNOWN = """
SELECT sha256 FROM verdicts WHERE sha256 = ANY(:sha256s) AND model_set = :model_set AND prompt_set = :prompt_set
"""

# No plain UPDATE: as long as the tables have no statistics, the planner would not join it by their keys.
CORRECT = """
INSERT INTO verdicts AS v (sha256, verdict, probability, confidence, kind, agreement, needs_review, review_reason,
                           model_set, prompt_set, run_id, decided_at)
SELECT sha256, verdict, probability, confidence, kind, agreement, needs_review, review_reason,
       :model_set, :prompt_set, :run_id, :decided_at
FROM staged_verdicts
ON CONFLICT (sha256, model_set, prompt_set) DO UPDATE SET
    verdict = EXCLUDED.verdict, probability = EXCLUDED.probability, confidence = EXCLUDED.confidence,
    kind = EXCLUDED.kind, agreement = EXCLUDED.agreement, needs_review = EXCLUDED.needs_review,
    review_reason = EXCLUDED.review_reason, run_id = EXCLUDED.run_id, decided_at = EXCLUDED.decided_at
WHERE (v.decided_at, coalesce(v.run_id, '')) <= (EXCLUDED.decided_at, EXCLUDED.run_id)
RETURNING sha256
"""

DROP_VOTES = """
DELETE FROM votes WHERE sha256 = ANY(:sha256s) AND model_set = :model_set AND prompt_set = :prompt_set
"""


@dataclass(frozen=True)
class VerdictKeys:
    """What all verdicts of a run have in common; the fields are columns of `verdicts`."""

    model_set: str
    prompt_set: str
    run_id: str
    decided_at: datetime


def publish_verdicts(
    connection: Connection, votes: Sequence[Vote], verdicts: Sequence[Verdict], keys: VerdictKeys
) -> None:
    """Write verdicts that are new, correct those of an earlier run, and replace the votes of both.

    Where a run that began later has decided, its verdict and votes stay. Raises `ValueError` for votes without verdict.
    """
    # In the order of the index, of which each page is then touched once.
    decided = {verdict.sha256: verdict for verdict in sorted(verdicts, key=BY_PICTURE)}
    orphans = {vote.sha256 for vote in votes} - decided.keys()
    if orphans:
        raise ValueError(f"{len(orphans)} pictures have votes and no verdict, {min(orphans)} among them")
    # No other publisher is at work: what is not known now is new, and COPY may write it straight, without merging.
    known = set(connection.scalars(text(KNOWN), {**asdict(keys), "sha256s": list(decided)}))
    of_run, of_verdict = astuple(keys), values_of(VERDICT_COLUMNS)
    new = ((*of_run, *of_verdict(verdict)) for sha256, verdict in decided.items() if sha256 not in known)
    copy(connection, "verdicts", (*asdict(keys), *VERDICT_COLUMNS), new)
    overruled = known - _correct(connection, [decided[sha256] for sha256 in known], keys)
    of_set, of_vote = (keys.model_set, keys.prompt_set), values_of(VOTE_COLUMNS)
    standing = ((*of_set, *of_vote(vote)) for vote in sorted(votes, key=BY_PICTURE) if vote.sha256 not in overruled)
    copy(connection, "votes", ("model_set", "prompt_set", *VOTE_COLUMNS), standing)


def _correct(connection: Connection, verdicts: Sequence[Verdict], keys: VerdictKeys) -> set[str]:
    """Verdicts of runs that did not begin later are replaced and lose their votes; the pictures they are of."""
    if not verdicts:
        return set()
    stage(connection, "verdicts", VERDICT_COLUMNS, map(values_of(VERDICT_COLUMNS), verdicts))
    corrected = list(connection.scalars(text(CORRECT), asdict(keys)))
    connection.execute(text(DROP_VOTES), {**asdict(keys), "sha256s": corrected})
    return set(corrected)
