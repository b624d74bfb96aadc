"""The operating point of a run: from which P(medical) on a picture is called medical."""

from medsift.errors import SettingError
from medsift.modelsets import ModelSet
from medsift.modelsets.operating_points import OperatingPoint
from medsift.settings import Settings
from medsift.steps.profile import current_model_set

CALIBRATED = "weighted_log_odds"  # thresholds are of what this strategy says


def at_operating_point(settings: Settings, model_set: ModelSet | None) -> ModelSet | None:
    """The set as setting `medical_recall` wants it; raises `SettingError` where nothing is known of such a recall."""
    recall = settings.medical_recall
    if recall is None:
        return model_set
    if settings.strategy != CALIBRATED:
        raise SettingError(
            "medical_recall", recall, f"no value with strategy {settings.strategy}, a recall with {CALIBRATED}"
        )
    if model_set is None:
        raise SettingError("medical_recall", recall, f"no value: profile {settings.profile} has no model set")
    return model_set.at_recall(recall)


def check_operating_point(settings: Settings) -> None:
    """Raise that sentence now, before any work is done."""
    at_operating_point(settings, current_model_set(settings))


def known_points(settings: Settings) -> tuple[OperatingPoint, ...]:
    """What may be asked for with these settings, each with its price."""
    model_set = current_model_set(settings)
    return model_set.calibration.points if model_set and settings.strategy == CALIBRATED else ()
