"""A model set of a folder's pictures, without labels: clusters named by what the prompts say of their members.

It is how profile `clip` gets its first set, which cannot ship fitted without its weights.
"""

import logging
import shutil
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from medsift.encoders import Floats, Profile
from medsift.errors import UsageError
from medsift.modelsets import ALIGNMENT, CARD, HEAD, LEARNED, Calibration, ModelSet, clusters_file, save
from medsift.modelsets.clusters import fit_clusters, write_clusters
from medsift.modelsets.in_use import keep, promote, untaught, workshop
from medsift.settings import Settings
from medsift.steps import embed
from medsift.steps.context import Context
from medsift.steps.expand import require_folder
from medsift.steps.local import find_pictures
from medsift.steps.plan import check_encoders
from medsift.steps.profile import current_model_set, current_profile, encoder_digests, prompt_set, prompted
from medsift.steps.voting import gather
from medsift.volume import Volume
from medsift.voters.zero_shot import zero_shot_log_odds

log = logging.getLogger(__name__)

STEP = "fit"
LEAST_MEMBERS = 8  # pictures a cluster has on average at least, or its name says nothing
LEAST_PICTURES = 2 * LEAST_MEMBERS
# Without labels nothing can be calibrated. Clusters take their names from the zero-shot votes, so their say is small.
UNCALIBRATED = Calibration({"zero_shot": 1.0, "dicom": 1.0, "clusters": 0.25}, 1.0)


def fit_model_set(context: Context, folder: Path) -> ModelSet:
    """Fit clusters for every encoder of the profile on a folder's pictures and put the set into use.

    An alignment, a head and a calibration that the profile has are carried over. Raises `UsageError` for too few
    pictures, `VolumeError` where the volume has no room.
    """
    require_folder(folder)
    check_encoders(context.settings)
    for shard in find_pictures(context, [str(folder)]):
        embed.run(context, shard)
    vectors = _all_vectors(context)
    count = min(map(len, vectors.values()), default=0)
    if count < LEAST_PICTURES:
        raise UsageError(f"There are {count} usable pictures in {folder}; a model set needs {LEAST_PICTURES} or more.")
    settings = context.settings
    with workshop(Volume(settings.volume)) as scratch:
        built = scratch / "set"
        built.mkdir()
        previous = current_model_set(settings)
        base = untaught(Volume(settings.volume), previous)  # its weights hold for clusters and voters without labels
        _write_clusters(context, built, vectors)
        for name in (ALIGNMENT, HEAD):
            if previous and name in previous.pins:
                shutil.copyfile(previous.file(name), built / name)
        (built / CARD).write_text(_card(settings, count, previous, base), encoding="utf-8")
        save(
            built,
            name=f"{settings.profile}-of-folder",
            profile=settings.profile,
            encoders=encoder_digests(settings),
            prompt_set=prompt_set(settings).digest,
            spaces=spaces_of(current_profile(settings)),
            calibration=base.calibration.without_points() if base else UNCALIBRATED,
            previous=previous.digest if previous else "",
        )
        model_set = keep(Volume(settings.volume), built)
    promote(Volume(settings.volume), model_set)
    return model_set


def _all_vectors(context: Context) -> dict[str, Floats]:
    """Vectors by encoder, float32 (n, d), of all pictures that every encoder has embedded: some 6 kB a picture."""
    parts: dict[str, list[Floats]] = defaultdict(list)
    for _, evidence, _ in gather(context):
        for name, rows in evidence.vectors.items():
            parts[name].append(rows)
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def _write_clusters(context: Context, built: Path, vectors_of: Mapping[str, Floats]) -> None:
    words = prompted(context.settings)
    odds = zero_shot_log_odds(vectors_of[words.encoder], words)
    zero_shot = (1 / (1 + np.exp(-odds))).astype(np.float32)
    count = max(2, min(context.settings.cluster_count, len(zero_shot) // LEAST_MEMBERS))
    for number, (name, vectors) in enumerate(vectors_of.items(), start=1):
        write_clusters(built / clusters_file(name), fit_clusters(vectors, zero_shot, count))
        context.progress(STEP, number, len(vectors_of))
        log.info("fit: %d clusters of %d vectors of %s", count, len(vectors), name)


def spaces_of(profile: Profile) -> tuple[tuple[str, ...], ...]:
    """Encoders over one tower see the same: their clusters count as one vote."""
    of_tower: dict[str, list[str]] = defaultdict(list)
    for encoder in profile.encoders:
        of_tower[encoder.tower.digest].append(encoder.name)
    return tuple(tuple(names) for names in of_tower.values())


def _card(settings: Settings, pictures: int, previous: ModelSet | None, base: ModelSet | None) -> str:
    calibration = f"carried over from the set {base.digest}" if base else "none: no labels were there"
    learned = "silent: no labels were there"
    if previous and LEARNED in previous.pins:
        learned = f"not carried over from the set in use before, {previous.digest}"
    return (
        f"# Model set of profile {settings.profile}, fitted on a folder\n\n"
        f"K-Means clusters of {pictures} unlabelled pictures, named by the prompts of set {settings.prompt_set}.\n\n"
        f"- Weights of voters and temperature: {calibration}.\n"
        f"- Voter `learned`: {learned}.\n"
        "- Accuracy: not measured. Measure it with:\n"
        f"  `medsift evaluate --profile {settings.profile} --manifest M.csv --root DIR --out DIR`\n"
        "- Not a medical device.\n"
    )
