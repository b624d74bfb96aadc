"""Step `cluster`: the voters that use the clusters of the model set."""

from functools import partial

from medsift.contracts import Assignment, Portion
from medsift.modelsets import assign
from medsift.steps.context import Context, Summary
from medsift.steps.run_model_set import usable_model_set_of_run
from medsift.steps.tables import write_rows
from medsift.steps.voting import vote_with
from medsift.voters import Evidence

STEP = "cluster"


def run(context: Context) -> Summary:
    """Leaves `<portion>.votes` of the voters that use clusters, and `.assignments`: a picture's cluster by encoder."""
    return vote_with(context, STEP, uses_clusters=True, also=partial(_assign, context))


def _assign(context: Context, portion: Portion, evidence: Evidence) -> None:
    model_set = usable_model_set_of_run(context)
    clusters = assign(evidence.vectors, model_set) if model_set and evidence.sha256s else {}
    assignments = [
        Assignment(sha256, encoder, int(cluster))
        for encoder, members in clusters.items()
        for sha256, cluster in zip(evidence.sha256s, members, strict=True)
    ]
    path = context.volume.table(context.run_id, STEP, f"{portion.name}.assignments")
    write_rows(path, Assignment, assignments)
