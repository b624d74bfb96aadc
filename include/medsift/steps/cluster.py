"""Step `cluster`: the voters that use the clusters of the model set."""

from medsift.contracts import Assignment
from medsift.modelsets import assign
from medsift.steps.context import Context, Summary
from medsift.steps.profile import usable_model_set
from medsift.steps.tables import write_rows
from medsift.steps.voting import gather, vote_with

STEP = "cluster"


def run(context: Context) -> Summary:
    """Leaves `votes` of the voters that use clusters, and `assignments`: each picture's cluster by encoder."""
    evidence, without = gather(context)
    summary = vote_with(context, STEP, evidence, without, uses_clusters=True)
    model_set = usable_model_set(context.settings)
    clusters = assign(evidence.vectors, model_set) if model_set and evidence.sha256s else {}
    assignments = [
        Assignment(sha256, encoder, int(cluster))
        for encoder, members in clusters.items()
        for sha256, cluster in zip(evidence.sha256s, members, strict=True)
    ]
    write_rows(context.volume.table(context.run_id, STEP, "assignments"), Assignment, assignments)
    return summary
