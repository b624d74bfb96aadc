"""What people uploaded and nobody may keep: a run's DICOM files and archives when it is over, and what no run took."""

import logging
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from medsift.sources.folder import real_path, shown_name
from medsift.steps.context import Context
from medsift.steps.extract import leaves_of

log = logging.getLogger(__name__)
NOT_KEPT = {"dicom", "archive"}
ABANDONED_S = 2 * 24 * 3600.0  # an upload that no run took for so long was given up


def forget_uploads(context: Context, lost_batches: Collection[str]) -> int:
    """Remove the run's DICOM files and archives among the uploads, but for batches that are still to be done; how
    many."""
    removed = 0
    for leaf in leaves_of(context):
        if leaf.kind not in NOT_KEPT or not leaf.path or leaf.batch in lost_batches:
            continue
        path = real_path(leaf.path)
        if path.is_relative_to(context.volume.uploads):
            removed += path.is_file()
            path.unlink(missing_ok=True)
    if removed:
        log.info("%d uploaded DICOM files and archives removed: the run is over", removed)
    return removed


def forget_abandoned(context: Context) -> int:
    """Remove uploads that no run took within two days; how many. Only a store knows which were taken."""
    if context.store is None:
        return 0
    paths = context.volume.uploads.glob("*/*")
    old = {shown_name(str(path)): path for path in paths if _age_s(path) > ABANDONED_S}
    taken = context.store.known_sources(list(old))
    abandoned = [path for name, path in old.items() if name not in taken]
    for path in abandoned:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others lie beside it, or another run was faster
            path.parent.rmdir()
    if abandoned:
        log.info("%d uploads removed that no run took", len(abandoned))
    return len(abandoned)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # another run was faster
        return 0.0
