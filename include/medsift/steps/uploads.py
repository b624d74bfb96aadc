"""What people uploaded for one run and nobody may keep: DICOM files and archives, gone when the run is over."""

import logging
from collections.abc import Collection

from medsift.sources.folder import real_path
from medsift.steps.context import Context
from medsift.steps.extract import leaves_of

log = logging.getLogger(__name__)
NOT_KEPT = {"dicom", "archive"}


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
