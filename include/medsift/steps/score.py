"""Step `score`: all voters that use no clusters (prompts, words, tags)."""

from medsift.steps.context import Context, Summary
from medsift.steps.voting import vote_with


def run(context: Context) -> Summary:
    """Leaves `<portion>.votes` of the voters that use no clusters."""
    return vote_with(context, "score", uses_clusters=False)
