"""Which sets there are and which one is in use: kept, promoted, rolled back. No set is ever changed."""

import json
import logging
from pathlib import Path

from medsift.errors import UsageError, WeightsError
from medsift.modelsets import MANIFEST, OTHERS, ModelSet, load, promoted_sets, shipped_set
from medsift.settings import shipped
from medsift.volume import Volume, write_atomically

log = logging.getLogger(__name__)
LEAST_LETTERS = 6  # of a digest, to name a set by


def keep(volume: Volume, built: Path) -> ModelSet:
    """Give the set that was saved in `built`, on the volume's file system, its place; it is not put into use."""
    place = volume.model_sets / load(built).digest
    if not place.exists():
        built.replace(place)
    return load(place)


def promote(volume: Volume, model_set: ModelSet) -> None:
    """Put a kept or shipped set into use for its profile."""
    promoted = promoted_sets(volume)
    if _is_shipped(model_set):
        promoted.pop(model_set.profile, None)
    else:
        promoted[model_set.profile] = model_set.digest
    write_atomically(volume.model_sets / "current.json", json.dumps(promoted).encode())


def known_sets(volume: Volume) -> list[ModelSet]:
    """All sets of all profiles that can be read: those that ship, then those on the volume, oldest first."""
    ours = sorted(shipped("models").glob(f"*/{MANIFEST}"))
    kept = sorted(volume.model_sets.glob(f"[!.]*/{MANIFEST}"), key=lambda path: (path.stat().st_mtime, path))
    readable = []
    for path in [*ours, *kept]:
        try:
            readable.append(load(path.parent))
        except WeightsError as error:
            log.warning("%s", error)
    return readable


def find(volume: Volume, digest: str) -> ModelSet:
    """The set whose digest begins so; raises `UsageError` where none or several do."""
    found = {each.digest: each for each in known_sets(volume) if each.digest.startswith(digest.lower())}
    if len(digest) < LEAST_LETTERS or not found:
        raise UsageError(f"There is no model set {digest!r}.", "`medsift modelset list` shows all.")
    if len(found) > 1:
        raise UsageError(f"Several model sets begin with {digest!r}.", "Give more of the digest.")
    return next(iter(found.values()))


def before(volume: Volume, model_set: ModelSet) -> ModelSet:
    """The set that this one took the place of, or the shipped one where it names none.

    Raises `UsageError` where there is none, or it is not there any more.
    """
    if model_set.previous:
        return _by_digest(volume, model_set)
    first = None if _is_shipped(model_set) else shipped_set(model_set.profile)
    if first is None:
        raise UsageError(f"The model set {model_set.name} is the first of profile {model_set.profile}.")
    return first


def _is_shipped(model_set: ModelSet) -> bool:
    ours = shipped_set(model_set.profile)
    return ours is not None and ours.digest == model_set.digest


def _by_digest(volume: Volume, model_set: ModelSet) -> ModelSet:
    found = [each for each in known_sets(volume) if each.digest == model_set.previous]
    if not found:
        raise UsageError(
            f"The set that {model_set.name} took the place of, {model_set.previous}, is not there any more.", OTHERS
        )
    return found[0]
