"""Which model set is in use, told to the database: its verdicts are those that `picture_labels` shows."""

from typing import Any

from medsift.errors import WeightsError
from medsift.modelsets import ModelSet
from medsift.settings import Settings
from medsift.steps.profile import current_model_set, encoder_digests, verdict_keys
from medsift.store import ModelSetRecord, Store


def mirror_model_set(settings: Settings, store: Store) -> None:
    """Make current what the standing profile's verdicts are kept under.

    A run that was given another profile or encoder by an option or Param changes nothing for all others; nor does one
    while weights of the standing profile are missing, under which no run could have judged.
    """
    try:
        record = record_of(settings.standing())
    except WeightsError:
        return
    store.register_model_set(record)
    store.set_current_model_set(record.digest)


def record_of(settings: Settings) -> ModelSetRecord:
    """The set of the settings as the database has it, with its card, or with the encoders where it is not theirs."""
    model_set, (digest, _) = current_model_set(settings), verdict_keys(settings)
    if model_set is not None and digest == model_set.digest:
        return record_of_set(model_set)
    card = _card(model_set) if model_set else {}
    card["encoders"] = ", ".join(f"{name} {of}" for name, of in sorted(encoder_digests(settings).items()))
    return ModelSetRecord(digest, settings.profile, card)


def record_of_set(model_set: ModelSet) -> ModelSetRecord:
    """A set that need not be in use as the database has it."""
    held_back = {sha256: row.probability for sha256, row in model_set.held_back().items()}
    return ModelSetRecord(model_set.digest, model_set.profile, _card(model_set), held_back)


def _card(model_set: ModelSet) -> dict[str, Any]:
    return {"name": model_set.name, "card": model_set.card.read_text(encoding="utf-8")}
