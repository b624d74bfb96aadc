"""The data's way, one file a step; the command line, the DAG and tests all run these.

Python API, a whole run in this process:

    with local_context(Settings.load(), sources) as context:
        result = sort_sources(context, sources)

Workers of Airflow call `plan_run` and `run_step`, one task at a time, and find everything else on the volume. The
summaries of both carry `step_seconds`: what the step itself took, with what it had to load and open.
"""

import importlib
import time
from typing import Any

from medsift.settings import Settings
from medsift.steps.context import Context, Summary
from medsift.steps.local import break_off, find_pictures, local_context, new_run_id, sort_sources
from medsift.steps.plan import Trigger
from medsift.steps.result import RunResult

__all__ = [
    "Context", "RunResult", "Summary", "Trigger",
    "break_off", "find_pictures", "local_context", "new_run_id", "plan_run", "promote_set", "refit_from_labels",
    "run_step", "sort_sources",
]  # fmt: skip


def plan_run(settings: Settings, run_id: str, sources: list[str], trigger: Trigger) -> Summary:
    """Step `plan` as a task: resolves sources, writes the run's settings, names its batches."""
    from medsift.steps import plan
    from medsift.steps.operating_point import check_operating_point

    begun = time.monotonic()
    plan.check_encoders(settings)
    check_operating_point(settings)
    with Context.opened(settings, run_id) as context:
        return _timed(plan.run(context, sources, trigger), begun)


def run_step(settings: Settings, run_id: str, step: str, **arguments: Any) -> Summary:
    """Any later step as a task of a planned run; `settings` give the volume and the secrets, the run the rest."""
    begun = time.monotonic()
    with Context.of_run(settings, run_id) as context:
        return _timed(importlib.import_module(f"medsift.steps.{step}").run(context, **arguments), begun)


def _timed(summary: Summary, begun: float) -> Summary:
    return summary | {"step_seconds": round(time.monotonic() - begun, 2)}


def refit_from_labels(settings: Settings, run_id: str, date: str) -> Summary:
    """A model set from people's labels as a task; it is kept and not in use."""
    from medsift.steps import refit

    with Context.opened(settings, run_id) as context:
        return refit.run(context, date)


def promote_set(settings: Settings, run_id: str, digest: str) -> Summary:
    """Put a kept model set into use as a task."""
    from medsift.steps.use_model_set import promote_model_set

    with Context.opened(settings, run_id) as context:
        model_set = promote_model_set(settings, digest, context.store)
    return {"model_set": model_set.digest, "profile": model_set.profile}
