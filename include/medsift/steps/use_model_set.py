"""Another model set for all runs to come: one that was kept, or the one in use before."""

from medsift.errors import UsageError, WeightsError
from medsift.modelsets import LEARNED, ModelSet, digest_in_use, in_use
from medsift.modelsets.in_use import find, known_sets, promote
from medsift.settings import Settings
from medsift.steps.context import Summary
from medsift.steps.mirror import mirror_model_set
from medsift.store import Store
from medsift.volume import Volume


def model_sets(settings: Settings) -> list[tuple[bool, ModelSet]]:
    """All sets there are, and of each whether it is in use for its profile."""
    volume = Volume(settings.volume)
    known = known_sets(volume)
    used = {digest_in_use(volume, profile) for profile in {each.profile for each in known}}
    return [(model_set.digest in used, model_set) for model_set in known]


def promote_model_set(settings: Settings, digest: str, store: Store | None) -> ModelSet:
    """Put the set whose digest begins so into use for its profile; raises `UsageError` where there is none such."""
    return _use(settings, find(Volume(settings.volume), digest), store)


def promote_fitted(settings: Settings, summary: Summary, store: Store | None) -> str:
    """What `refit` fitted is put into use if it is not worse and no person is to be asked; a sentence that says so."""
    digest = summary["model_set"]
    if summary["is_not_worse"] and settings.refit_promotion == "auto":
        model_set = promote_model_set(settings, digest, store)
        return f"Model set {model_set.name} {model_set.digest} is in use; `medsift modelset rollback` takes it back."
    return f"`medsift modelset promote {digest}` puts it into use." if digest else "Nothing was changed."


def roll_back(settings: Settings, store: Store | None) -> in_use.WayBack:
    """Put the set into use again that was in use before the profile's present one; raises `UsageError` for the first.

    Verdicts of both stay in the database: those of the former are shown again at once.
    """
    way = in_use.roll_back(Volume(settings.volume), settings.profile)
    if store is not None:
        mirror_model_set(settings, store)
    return way


def rolls_back_to(settings: Settings) -> ModelSet | None:
    """The set that `roll_back` would put into use; None where there is none."""
    try:
        return in_use.way_back(Volume(settings.volume), settings.profile).model_set
    except (UsageError, WeightsError):
        return None


def fitted_unmeasured(settings: Settings, model_set: ModelSet) -> str:
    """What is to be said of a set that was fitted without labels and is in use: what it replaced, and the way back."""
    told = f"Model set {model_set.name} {model_set.digest} is in use, its accuracy not measured: {model_set.folder}"
    replaced = rolls_back_to(settings)
    if replaced is None:
        return told
    lost = ", whose voter `learned` it does not have" if LEARNED in replaced.pins else ""
    return (
        f"{told}\nIt takes the place of {replaced.name} {replaced.digest}{lost}; "
        "`medsift modelset rollback` puts that one into use again."
    )


def _use(settings: Settings, model_set: ModelSet, store: Store | None) -> ModelSet:
    volume = Volume(settings.volume)
    volume.model_sets.mkdir(parents=True, exist_ok=True)
    promote(volume, model_set)
    if store is not None:
        mirror_model_set(settings, store)
    return model_set
