"""Another model set for all runs to come: one that was kept, or the one before."""

from medsift.errors import UsageError
from medsift.modelsets import ModelSet
from medsift.modelsets.in_use import before, find, promote
from medsift.settings import Settings
from medsift.steps.mirror import mirror_model_set, record_of
from medsift.steps.profile import current_model_set
from medsift.store import Store
from medsift.volume import Volume


def promote_model_set(settings: Settings, digest: str, store: Store | None) -> ModelSet:
    """Put the set whose digest begins so into use for its profile; raises `UsageError` where there is none such."""
    return _use(settings, find(Volume(settings.volume), digest), store)


def roll_back(settings: Settings, store: Store | None) -> ModelSet:
    """Put the set that the profile's present one took the place of into use; raises `UsageError` for the first one.

    Verdicts of both stay in the database: those of the former are shown again at once.
    """
    model_set = current_model_set(settings)
    if model_set is None:
        raise UsageError(f"Profile {settings.profile} has no model set.")
    return _use(settings, before(Volume(settings.volume), model_set), store)


def _use(settings: Settings, model_set: ModelSet, store: Store | None) -> ModelSet:
    volume = Volume(settings.volume)
    volume.model_sets.mkdir(parents=True, exist_ok=True)
    promote(volume, model_set)
    if store is not None:
        store.register_model_set(record_of(model_set))
        mirror_model_set(settings, store)
    return model_set
