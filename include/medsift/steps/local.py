"""Runs in this process, without Airflow: what the command line and the Python API use."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medsift.settings import Settings
from medsift.steps.context import Context, Progress
from medsift.steps.journal import digest_of
from medsift.steps.result import RunResult
from medsift.volume import Volume


def new_run_id(token: str) -> str:
    """A run id of our own, the same for the same token, so that a retry finds what was done."""
    return digest_of(token)[:16]


@contextmanager
def local_context(
    settings: Settings,
    sources: list[str],
    *,
    out: Path | None = None,
    is_stored: bool = False,
    progress: Progress | None = None,
) -> Iterator[Context]:
    """A context for a run in this process.

    Its files lie on the settings' volume with `is_stored`, else under `out`, else in a temporary folder. Where they
    stay, a run that was interrupted is gone on with by the same call.
    """
    with tempfile.TemporaryDirectory(prefix="medsift-") as temporary:
        volume = Volume(settings.volume if is_stored else out or Path(temporary))
        run_id = _unfinished_run_id(volume, digest_of(sources, settings.public()))
        with Context.opened(settings, run_id, volume=volume, is_stored=is_stored, progress=progress) as context:
            yield context


def sort_sources(context: Context, sources: list[str]) -> RunResult:
    """All steps of a run in order. Bad sources are rows of the result; raises `MedsiftError` for anything larger."""
    from medsift.steps import cluster, embed, ensemble, publish, report, score

    for shard in find_pictures(context, sources):
        embed.run(context, shard)
    cluster.run(context)
    score.run(context)
    ensemble.run(context)
    if context.store is not None:
        publish.run(context)
    report.run(context)
    return RunResult.of(context)


def find_pictures(context: Context, sources: list[str]) -> list[str]:
    """The steps that find pictures and judge none: plan to shard. The names of the shards."""
    from medsift.steps import extract, plan, preprocess, shard

    batches = [entry["batch"] for entry in plan.run(context, sources, "cli")["batches"]]
    for batch in batches:
        extract.run(context, batch)
        preprocess.run(context, batch)
    return [entry["shard"] for entry in shard.run(context, batches)["shards"]]


def _unfinished_run_id(volume: Volume, token: str) -> str:
    ids = (new_run_id(f"{token} {number}") for number in itertools.count())
    return next(run_id for run_id in ids if not (volume.report(run_id) / "result.json").exists())
