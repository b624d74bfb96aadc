"""Runs in this process, without Airflow: what the command line and the Python API use."""

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

from medsift.errors import StoreError
from medsift.settings import Settings
from medsift.steps.context import Context, Progress
from medsift.steps.journal import digest_of
from medsift.steps.result import RunResult
from medsift.store import RunState, Store
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

    Its files lie on the settings' volume with `is_stored`, else under `out`, else in a scratch folder that goes when
    the run is over. A run that was interrupted or killed is gone on with by the same call.
    """
    token = digest_of(sources, settings.public())
    kept = settings.volume if is_stored else out
    with nullcontext(kept) if kept else _scratch_folder(token) as folder:
        volume = Volume(folder)
        run_id = _unfinished_run_id(volume, token)
        with Context.opened(settings, run_id, volume=volume, is_stored=is_stored, progress=progress) as context:
            yield context


def sort_sources(context: Context, sources: list[str]) -> RunResult:
    """All steps of a run in order. Bad sources are rows of the result; raises `MedsiftError` for anything larger."""
    from medsift.steps import publish, report

    with _broken_off_if_raised(context):
        judge_sources(context, sources)
        if context.store is not None:
            publish.run(context)
        report.run(context)
    return RunResult.of(context)


def judge_sources(context: Context, sources: list[str]) -> RunResult:
    """The steps from plan to ensemble: for who wants verdicts and neither rows in a database nor a run's pages."""
    from medsift.steps import cluster, embed, ensemble, plan, score
    from medsift.steps.operating_point import check_operating_point

    plan.check_encoders(context.settings)
    check_operating_point(context.settings)
    for shard in find_pictures(context, sources):
        embed.run(context, shard)
    cluster.run(context)
    score.run(context)
    ensemble.run(context)
    return RunResult.of(context)


def break_off(settings: Settings, run_id: str, state: RunState) -> None:
    """Record in the settings' database that a run ended before its report, unless it has ended or is not known there.

    Without a word where there is no database: it is called where something else has gone wrong already.
    """
    if settings.database_url:
        with suppress(StoreError), closing(Store.open(settings.database_url)) as store:
            store.break_off_run(run_id, state)


def find_pictures(context: Context, sources: list[str]) -> list[str]:
    """The steps that find pictures and judge none: plan to shard. The names of the shards."""
    from medsift.steps import extract, plan, preprocess, shard

    batches = [entry["batch"] for entry in plan.run(context, sources, "cli")["batches"]]
    for batch in batches:
        extract.run(context, batch)
        preprocess.run(context, batch)
    return [entry["shard"] for entry in shard.run(context, batches)["shards"]]


@contextmanager
def _broken_off_if_raised(context: Context) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if context.store is not None:
            with suppress(StoreError):
                is_interrupted = isinstance(error, KeyboardInterrupt)
                context.store.break_off_run(context.run_id, "interrupted" if is_interrupted else "failed")
        raise


@contextmanager
def _scratch_folder(token: str) -> Iterator[Path]:
    """The folder of a run that keeps nothing: the same for the same call, so that an interrupted one goes on.

    Where that one is at work, or the name is taken by somebody else, a folder of its own.
    """
    folder = Path(tempfile.gettempdir()) / f"medsift-{os.getuid()}-{token[:16]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if os.fstat(handle).st_uid != os.getuid() or not _locked(handle):
            with tempfile.TemporaryDirectory(prefix="medsift-") as own:
                yield Path(own)
            return
        try:
            yield folder
        except KeyboardInterrupt:
            raise
        except BaseException:
            shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unfinished_run_id(volume: Volume, token: str) -> str:
    ids = (new_run_id(f"{token} {number}") for number in itertools.count())
    return next(run_id for run_id in ids if not (volume.report(run_id) / "result.json").exists())
