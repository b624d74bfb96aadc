"""The data's way, one file a step; the command line, the DAG and tests all run these.

`sort` runs a whole run in this process. Workers of Airflow call `plan_run` and `run_step`, one task at a time, and
find everything else on the volume.
"""

import hashlib
import importlib
from collections.abc import Callable
from typing import Any

from medsift.settings import Settings
from medsift.steps.context import Context, Summary
from medsift.steps.plan import Trigger
from medsift.steps.result import RunResult
from medsift.volume import Volume

__all__ = ["Context", "RunResult", "Summary", "new_run_id", "plan_run", "run_step", "sort", "sort_in"]


def new_run_id(token: str) -> str:
    """A run id of our own, the same for the same token (so that a retry finds what was done)."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def plan_run(settings: Settings, run_id: str, sources: list[str], trigger: Trigger) -> Summary:
    """Step `plan` as a task: resolves sources, writes the run's settings, names its batches."""
    from medsift.steps import plan

    with Context.opened(settings, run_id) as context:
        return plan.run(context, sources, trigger)


def run_step(settings: Settings, run_id: str, step: str, **arguments: Any) -> Summary:
    """Any later step as a task of a planned run; `settings` give the volume and the secrets, the run the rest."""
    with Context.of_run(settings, run_id) as context:
        summary: Summary = importlib.import_module(f"medsift.steps.{step}").run(context, **arguments)
        return summary


def sort(
    settings: Settings,
    sources: list[str],
    *,
    token: str,
    volume: Volume | None = None,
    is_stored: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> RunResult:
    """Sort sources in this process and return what was found and decided.

    `token` names the run: the same token goes on where an interrupted run stood. `volume` takes the run's files
    (default: the one of the settings); with `is_stored` rows are published to Postgres. Bad sources are rows of the
    result; raises `MedsiftError` for settings, weights and a database that is not there.
    """
    with Context.opened(settings, new_run_id(token), volume=volume, is_stored=is_stored, progress=progress) as context:
        return sort_in(context, sources)


def sort_in(context: Context, sources: list[str], trigger: Trigger = "cli") -> RunResult:
    """All steps of a run in order, in a context that is open."""
    from medsift.steps import cluster, embed, ensemble, extract, plan, preprocess, publish, report, score, shard

    planned = plan.run(context, sources, trigger)
    batches = [entry["batch"] for entry in planned["batches"]]
    for batch in batches:
        extract.run(context, batch)
        preprocess.run(context, batch)
    for entry in shard.run(context, batches)["shards"]:
        embed.run(context, entry["shard"])
    cluster.run(context)
    score.run(context)
    ensemble.run(context)
    publish.run(context)
    report.run(context)
    return RunResult.of(context)
