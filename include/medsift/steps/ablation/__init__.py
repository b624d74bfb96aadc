"""`medsift ablate`: voters, strategies, cluster counts, encoders, prompt sets, enhancement, on the same pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medsift.contracts import MEDICAL
from medsift.encoders import PROFILES
from medsift.errors import NothingDoneError, UsageError
from medsift.evaluation.ablation import Ablation
from medsift.evaluation.manifest import ManifestRow, called_both, without_picture
from medsift.evaluation.metrics import measure
from medsift.evaluation.report import most_wrong, write_ablation, write_unheaded_ablation
from medsift.modelsets import Head, ModelSet, current
from medsift.prompts import usable_prompt_sets
from medsift.settings import Settings
from medsift.sources.dicom import person_groups
from medsift.steps.ablation.folds import cross_folds
from medsift.steps.ablation.judging import Bench, Material
from medsift.steps.ablation.library import Library, cnn_of, embed_all, words_of
from medsift.steps.ablation.pictures import Found, Outcome, find_manifest_pictures
from medsift.steps.ablation.variations import Variations
from medsift.steps.context import Progress
from medsift.steps.fit_model_set import UNCALIBRATED
from medsift.steps.plan import check_encoders
from medsift.steps.profile import current_model_set
from medsift.volume import Volume

STEP = "judge"
WORK = "work"  # below the results: pictures and vectors, so that a second call is quick
AS_THEY_ARE = (
    "Encoders, and what the model set learnt of kinds, are as they are: on pictures that they were trained on (the "
    "card of the model set says which), these figures say nothing of others."
)
NO_LEARNING = (
    "The voter `learned` is left out: `medsift modelset fit --labels` fits it and measures it on labels held back."
)
COSTS = (
    "Speed is from stored file to vector, memory the most that a process embedding with one of the encoders held, its "
    "decoding children apart; encoders over different networks run one after the other."
)


def ablate(settings: Settings, rows: Sequence[ManifestRow], root: Path, out: Path, progress: Progress) -> Ablation:
    """Compare all that can be compared here; writes ablation.json, ablation.csv and report.html.

    What cannot be is a row that says so. Raises `UsageError` where the root is no folder or `out` cannot be written,
    `WeightsError` where the settings' own profile is not here, `NothingDoneError` where no picture could be embedded.
    """
    check_encoders(settings)
    found = _found(settings, rows, root, out, progress)
    if not found.pictures:
        raise _nothing_done(rows, found, "")
    files = [(picture.sha256, found.volume.picture(picture.sha256, picture.extension)) for picture in found.pictures]
    library = embed_all(settings, found.volume, files, usable_prompt_sets(settings.prompts_dir), progress)
    if missing := library.why_not(words_of(settings.profile)):
        raise _nothing_done(rows, found, missing.reason)
    material, note = _material(settings, rows, found, library)
    variations = Variations(settings, library, Bench(material), rows, found.outcomes)
    made = []
    for row in variations.all():
        made.append(row)
        progress(STEP, len(made), len(made) + 1)
    progress(STEP, len(made), len(made))
    folds = len(np.unique(material.folds))
    notes = (*_of_rows(rows, found.outcomes), note, AS_THEY_ARE, NO_LEARNING, COSTS)
    ablation = Ablation(len(rows), folds, made, notes)
    _write(out, variations, ablation, found, library)
    return ablation


def _found(settings: Settings, rows: Sequence[ManifestRow], root: Path, out: Path, progress: Progress) -> Found:
    try:
        (out / WORK).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The results cannot be written to {out}: {error.strerror}.") from error
    return find_manifest_pictures(settings, rows, root, out / WORK, progress)


def _of_rows(rows: Sequence[ManifestRow], outcomes: Sequence[Outcome]) -> list[str]:
    """Sentences on rows that count as wrong whatever is compared."""
    lacking = {number: outcome.reason for number, outcome in enumerate(outcomes) if not outcome.sha256}
    named = ((outcome.sha256, row) for row, outcome in zip(rows, outcomes, strict=True) if outcome.sha256)
    return [*without_picture(lacking, rows), *called_both(named)]


def _nothing_done(rows: Sequence[ManifestRow], found: Found, otherwise: str) -> NothingDoneError:
    reason = next((outcome.reason for outcome in found.outcomes if not outcome.sha256), otherwise)
    return NothingDoneError(f"Nothing could be done: {rows[0].file}: {reason}")


def _material(settings: Settings, rows: Sequence[ManifestRow], found: Found, library: Library) -> tuple[Material, str]:
    """The pictures that every encoder could embed, in folds; and the sentence on how they were parted."""
    encoded = library.encoded
    usable = set.intersection(*(set(known.vectors.row_of) for known in encoded.values()))
    with_picture = [
        (row, outcome.sha256)
        for row, outcome in zip(rows, found.outcomes, strict=True)
        if outcome.sha256 in usable and outcome.sha256
    ]
    around = {row.sha256: row for row in found.around}
    folds, note = cross_folds(
        [sha256 for _, sha256 in with_picture], [row.source for row, _ in with_picture], _alike(found)
    )
    first = {sha256: number for number, (_, sha256) in reversed(list(enumerate(with_picture)))}
    sha256s = list(first)
    model_set, in_use = current_model_set(settings), _in_use(settings)
    material = Material(
        sha256s,
        np.array([with_picture[first[sha256]][0].label == MEDICAL for sha256 in sha256s], dtype=bool),
        folds[[first[sha256] for sha256 in sha256s]],
        [around[sha256].captions for sha256 in sha256s],
        [around[sha256].tags for sha256 in sha256s],
        {digest: known.vectors.of(sha256s) for digest, known in encoded.items()},
        found.places,
        model_set.calibration if model_set else UNCALIBRATED,
        _heads(in_use),
        _alike_from(in_use),
    )
    return material, note


def _alike(found: Found) -> dict[str, list[str]]:
    """What pictures share by identity: near duplicates, and the person of DICOM files."""
    shared = {picture.sha256: [picture.near_duplicate_of or picture.sha256] for picture in found.pictures}
    for row in found.around:
        shared[row.sha256] += person_groups(row.tags)
    return shared


def _heads(in_use: Sequence[ModelSet]) -> dict[str, Head]:
    """What the sets in use learnt of kinds, by digest of the encoder it was learnt for."""
    heads = [(model_set, head) for model_set in in_use if (head := model_set.head())]
    return {model_set.encoder_digests[head.encoder]: head for model_set, head in heads}


def _alike_from(in_use: Sequence[ModelSet]) -> dict[str, float | None]:
    """From which cosine the sets in use call pictures alike, by digest of their encoders."""
    return {
        digest: model_set.calibration.alike_from
        for model_set in in_use
        for digest in model_set.encoder_digests.values()
    }


def _in_use(settings: Settings) -> list[ModelSet]:
    """The sets in use of all profiles that have one."""
    of_profiles = [current(Volume(settings.volume), profile) for profile in PROFILES.names()]
    return [model_set for model_set in of_profiles if model_set]


def _write(out: Path, variations: Variations, ablation: Ablation, found: Found, library: Library) -> None:
    """The report is headed with the ensemble as the settings have it, if its row is measured."""
    own = next(row for row in ablation.groups["strategies"] if row.name == variations.settings.strategy)
    if own.state == "not measured":
        write_unheaded_ablation(out, ablation, own.reason)
        return
    predictions, profile = variations.of_profile(), variations.settings.profile
    cost = library.cost(words_of(profile), cnn_of(profile))
    metrics = measure(predictions, len(predictions) / cost.pictures_per_second, cost.peak_mb)
    identity = {row.file: outcome.sha256 for row, outcome in zip(variations.rows, found.outcomes, strict=True)}
    shown = [prediction.file for prediction in most_wrong(predictions)]
    thumbnails = {file: found.volume.thumbnail(str(identity[file])).read_bytes() for file in shown}
    known = library.at_hand[words_of(profile)].vectors
    vectors = {file: known.rows[known.row_of[sha]] for file, sha in identity.items() if sha and sha in known.row_of}
    write_ablation(out, ablation, predictions, metrics, thumbnails, vectors)
