"""The pictures of a manifest, pulled out once and kept beside the results, so that a second call finds them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medsift.contracts import Leaf, Occurrence, Picture, SourceOutcome, Surroundings
from medsift.evaluation.manifest import ManifestRow
from medsift.settings import Settings
from medsift.steps.company import Container
from medsift.steps.context import Context, Progress
from medsift.steps.expand import absolute, file_leaf, require_folder
from medsift.steps.journal import digest_of
from medsift.steps.local import find_pictures
from medsift.steps.pictures_of_folder import PICTURE_KINDS, no_picture, persons_of_files
from medsift.steps.portions import all_rows_of
from medsift.steps.tables import read_rows
from medsift.volume import Volume

GOVERN_EXTRACTION = ("min_image_size", "max_aspect_ratio", "max_pixels", "compress_large_copies", "pdf_quality")


@dataclass(frozen=True)
class Outcome:
    """What became of a row's file: its picture, or why there is none (of several frames the first kept one).

    `person` is the patient, else the study, of a DICOM file where it is known.
    """

    sha256: str | None
    state: str
    reason: str = ""
    person: str = ""


@dataclass(frozen=True)
class Found:
    """`outcomes` by row of the manifest; the distinct `pictures` in the order of identities, `around` them by row.

    `places`: each picture with what it lies in, as often as it lies somewhere.
    """

    volume: Volume
    outcomes: Sequence[Outcome]
    pictures: Sequence[Picture]
    around: Sequence[Surroundings]
    places: Sequence[tuple[str, Container]]


def find_manifest_pictures(
    settings: Settings, rows: Sequence[ManifestRow], root: Path, out: Path, progress: Progress | None
) -> Found:
    """Pull out the pictures of the files, below `out`; files that are as they were are not read again.

    Raises `UsageError` where the root is no folder.
    """
    require_folder(root)
    leaves = [file_leaf(absolute(root / row.file)) for row in rows]
    governing = {name: value for name, value in settings.public().items() if name in GOVERN_EXTRACTION}
    run_id = digest_of("ablate", governing, [(leaf.source, leaf.kind, _version(leaf)) for leaf in leaves])[:16]
    with Context.opened(settings, run_id, volume=Volume(out), is_stored=False, progress=progress) as context:
        if not context.volume.table(run_id, "shard", "portions").exists():
            find_pictures(context, [leaf.source for leaf in leaves if leaf.kind in PICTURE_KINDS])
            context.volume.tidy(run_id)
        occurrences = read_rows(context.volume.table(run_id, "shard", "occurrences"), Occurrence)
        places = [(place.sha256, Container.of(place)) for place in occurrences if place.sha256]
        return Found(context.volume, _outcomes(context, leaves, occurrences), *_pictures(context), places)


def _version(leaf: Leaf) -> tuple[int, int]:
    try:
        stat = Path(leaf.source).stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


def _pictures(context: Context) -> tuple[list[Picture], list[Surroundings]]:
    pictures = read_rows(context.volume.table(context.run_id, "shard", "pictures"), Picture)
    around = {row.sha256: row for row in all_rows_of(context, "shard", "surroundings", Surroundings)}
    pictures.sort(key=lambda picture: picture.sha256)
    return pictures, [around[picture.sha256] for picture in pictures]


def _outcomes(context: Context, leaves: Sequence[Leaf], occurrences: Sequence[Occurrence]) -> list[Outcome]:
    found: dict[str, Outcome] = {}
    persons = persons_of_files(occurrences)
    for row in occurrences:
        if row.source not in found or (row.sha256 and not found[row.source].sha256):
            found[row.source] = Outcome(row.sha256, row.state, row.reason, persons.get(row.source, ""))
    for source in read_rows(context.volume.table(context.run_id, "shard", "sources"), SourceOutcome):
        found.setdefault(source.source, Outcome(None, "failed", source.reason))
    return [found.get(leaf.source) or Outcome(None, *no_picture(leaf)) for leaf in leaves]
