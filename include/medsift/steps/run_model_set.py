"""The model set of a run: the one that was in use when it was planned, whatever has been promoted since."""

from medsift.modelsets import ModelSet
from medsift.modelsets.in_use import find
from medsift.steps.context import Context
from medsift.steps.header import RunHeader
from medsift.steps.profile import current_model_set, encoder_digests
from medsift.volume import Volume


def model_set_of_run(context: Context) -> ModelSet | None:
    """The set that the run's verdicts are told of; raises `UsageError` where it is not there any more."""
    wanted = RunHeader.read(context.volume.run_header(context.run_id)).fitted_set
    in_use = current_model_set(context.settings)
    if wanted is None or wanted == (in_use.digest if in_use else ""):
        return in_use
    return find(Volume(context.settings.volume), wanted) if wanted else None


def usable_model_set_of_run(context: Context) -> ModelSet | None:
    """The same without what was fitted for encoders that are not the profile's any more."""
    model_set = model_set_of_run(context)
    return model_set.used_with(encoder_digests(context.settings)) if model_set else None
