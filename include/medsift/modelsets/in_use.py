"""Which sets there are and which one is in use: kept, promoted, rolled back. No set is ever changed."""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medsift.errors import UsageError, WeightsError
from medsift.modelsets import HELD_BACK, MANIFEST, OTHERS, ModelSet, current, digest_in_use, load, shipped_set
from medsift.modelsets.current_file import SHIPPED, in_use_to_change, read_in_use, write_in_use
from medsift.settings import shipped
from medsift.volume import Volume, told_if_unwritable

log = logging.getLogger(__name__)
LEAST_LETTERS = 6  # of a digest, to name a set by


@contextmanager
def workshop(volume: Volume) -> Iterator[Path]:
    """A folder, gone after the block, in which sets are built that `keep` may take.

    Raises `VolumeError` where the file system is full or read-only.
    """
    with told_if_unwritable(volume.model_sets):
        volume.model_sets.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fit-", dir=volume.model_sets) as scratch:
            yield Path(scratch)


def keep(volume: Volume, built: Path) -> ModelSet:
    """Give the set that was saved in `built`, on the volume's file system, its place; it is not put into use.

    One of the same digest that lies there stays, unless it was damaged since.
    """
    digest = load(built).digest
    place = volume.model_sets / digest
    if place.exists() and _intact(volume, digest) is None:
        shutil.rmtree(place)
    if not place.exists():
        built.replace(place)
    return load(place)


def promote(volume: Volume, model_set: ModelSet) -> None:
    """Put a kept or shipped set into use for its profile; the one before it is what `roll_back` leads to.

    Raises `WeightsError` where a file of it is missing or was altered.
    """
    model_set.verify()
    profile, digest = model_set.profile, _written(model_set)
    with in_use_to_change(volume):
        used = read_in_use(volume)
        if digest == used.now(profile):
            return
        had_one = bool(digest_in_use(volume, profile))
        before_it = [*used.earlier.get(profile, []), *([used.now(profile)] if had_one else [])]
        write_in_use(volume, used.with_set(profile, digest, before_it))


@dataclass(frozen=True)
class WayBack:
    """The set in use before, the history from there on, and digests of sets that are passed over: they are gone."""

    model_set: ModelSet
    earlier: Sequence[str] = ()
    gone: Sequence[str] = ()

    @property
    def sentences(self) -> list[str]:
        """What is to be said of those that are passed over."""
        return [f"Model set {digest}, in use before, is gone or was altered: passed over." for digest in self.gone]


def roll_back(volume: Volume, profile: str) -> WayBack:
    """Put the set into use again that was in use before the profile's present one, each time one further back.

    Raises `UsageError` where there was none.
    """
    with in_use_to_change(volume):
        way = way_back(volume, profile)
        write_in_use(volume, read_in_use(volume).with_set(profile, _written(way.model_set), way.earlier))
    return way


def way_back(volume: Volume, profile: str) -> WayBack:
    """Where `roll_back` leads; raises as it does.

    Where the history does not reach back so far, to the set that the present one was fitted to take the place of.
    """
    earlier, gone = list(read_in_use(volume).earlier.get(profile, [])), []
    while earlier:
        digest = earlier.pop()
        found = shipped_set(profile) if digest == SHIPPED else _intact(volume, digest)
        if found is None:
            gone.append(digest)
        elif found.digest != digest_in_use(volume, profile):
            return WayBack(found, earlier, gone)
    present = current(volume, profile)
    if present is None:
        raise UsageError(f"Profile {profile} has no model set.")
    return WayBack(before(volume, present), (), gone)


def known_sets(volume: Volume) -> list[ModelSet]:
    """All sets of all profiles that can be read: those that ship, then those on the volume, oldest first.

    A kept one whose manifest is not the one that gave its folder the name was altered, and counts as damaged.
    """
    ours = sorted(shipped("models").glob(f"*/{MANIFEST}"))
    kept = sorted(volume.model_sets.glob(f"[!.]*/{MANIFEST}"), key=lambda path: (path.stat().st_mtime, path))
    readable = []
    for path in [*ours, *kept]:
        try:
            found = load(path.parent)
        except WeightsError as error:
            log.warning("%s", error)
            continue
        if path in kept and found.digest != path.parent.name:
            log.warning("The model set in %s was altered: its digest is %s.", path.parent, found.digest)
        else:
            readable.append(found)
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
    """The set that this one was fitted to take the place of, or the shipped one where it names none.

    Raises `UsageError` where there is none, or it is not there any more.
    """
    if model_set.previous:
        return _by_digest(volume, model_set)
    first = None if _is_shipped(model_set) else shipped_set(model_set.profile)
    if first is None:
        raise UsageError(f"The model set {model_set.name} is the first of profile {model_set.profile}.")
    return first


def untaught(volume: Volume, model_set: ModelSet | None) -> ModelSet | None:
    """The nearest set before this one that no label has touched; where it is gone, the oldest that is still there."""
    while model_set is not None and HELD_BACK in model_set.pins:
        try:
            model_set = before(volume, model_set)
        except UsageError as error:
            log.warning("the fit begins from %s, which labels have touched: %s", model_set.name, error)
            return model_set
    return model_set


def _intact(volume: Volume, digest: str) -> ModelSet | None:
    try:
        found = load(volume.model_sets / digest)
        found.verify()
    except WeightsError:
        return None
    return found if found.digest == digest else None


def _written(model_set: ModelSet) -> str:
    """How `current.json` names it."""
    return SHIPPED if _is_shipped(model_set) else model_set.digest


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
