"""Which model set is in use, told to the database: its verdicts are those that `picture_labels` shows."""

from medsift.modelsets import ModelSet, current
from medsift.settings import Settings
from medsift.store import ModelSetRecord, Store
from medsift.volume import Volume


def mirror_model_set(settings: Settings, store: Store) -> None:
    """Make the set of the standing profile current, the empty digest where it has none.

    A run that was given another profile by an option or Param changes nothing for all others.
    """
    model_set = current(Volume(settings.volume), settings.standing_profile)
    record = record_of(model_set) if model_set else ModelSetRecord("", settings.standing_profile)
    store.register_model_set(record)
    store.set_current_model_set(record.digest)


def record_of(model_set: ModelSet) -> ModelSetRecord:
    """The set as the database has it, with its card."""
    card = {"name": model_set.name, "card": model_set.card.read_text(encoding="utf-8")}
    return ModelSetRecord(model_set.digest, model_set.profile, card)
