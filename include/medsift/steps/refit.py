"""`refit`: a model set from people's labels, measured against the one in use on labels that were held back.

It is kept and registered whatever comes of that; whether it is put into use is told in the summary.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsift.contracts import Verdict
from medsift.encoders import Floats
from medsift.errors import SettingError, StoreError
from medsift.modelsets import CARD, HELD_BACK, METRICS, HeldBack, ModelSet
from medsift.modelsets.in_use import keep, known_sets, workshop
from medsift.settings import Settings
from medsift.steps.context import Context, Summary
from medsift.steps.fit_labelled import Basis, Fitter, basis_of, fitter, judge
from medsift.steps.labelled import Labelled, labelled_in_store, shares_in_store
from medsift.steps.mirror import record_of_set
from medsift.steps.operating_point import at_operating_point
from medsift.steps.profile import current_model_set, encoder_digests
from medsift.steps.refit_card import card_of
from medsift.steps.refit_figures import Answers, Figures, figures_of, is_not_worse, kinds_named
from medsift.steps.vectors import Vectors
from medsift.volume import Volume

log = logging.getLogger(__name__)

STEP = "refit"
FOLDS = 5
LEAST_OF_EACH = 10  # labels of each side below which nothing can be measured
LEAST_GROUPS = 2
WHAT_IS_A_GROUP = (
    "Pictures of one folder, of one source, of one patient and near duplicates are one group, and so are two that "
    "share a picture or near duplicates. Subfolders, or the column source of a file of labels, tell pictures apart."
)
MOST_VECTORS = 50_000  # stored pictures that centres are fitted on, some 6 kB each


def run(context: Context, date: str) -> Summary:
    """Refit from the labels in Postgres; `date` is written on the card. The set is kept and registered.

    Summary: `sentence`, `labels`, `groups`, `model_set` (its digest; empty where none was fitted, and why is in the
    sentence), `is_not_worse`, and of held-back labels how many were `compared`, the figures `new` and `current`, and
    `kinds`, the share of kinds that are named as people did. Raises `StoreError` without a store.
    """
    if context.store is None:
        raise StoreError("There is no database to take labels from.")
    digests = encoder_digests(context.settings)
    data = labelled_in_store(context.store, digests)
    current = current_model_set(context.settings)
    kept = known_sets(Volume(context.settings.volume))
    since = [each for each in kept if current and each.previous == current.digest]
    reason = why_not(data, current, since)
    if reason:
        return nothing_fitted(data, reason)
    pictures = context.store.embedded(list(digests.values()), MOST_VECTORS)
    vectors = {name: Vectors.joined([context.store.vectors(digest, pictures)]) for name, digest in digests.items()}
    return fit_and_measure(context, data, {name: known.of(pictures) for name, known in vectors.items()}, date)


def why_not(data: Labelled, current: ModelSet | None, since: Sequence[ModelSet] = ()) -> str:
    """A sentence where the labels allow no refit, else empty.

    `since` are the sets that were fitted to take the place of the one in use.
    """
    medical = int(data.is_medical.sum())
    other = len(data) - medical
    if min(medical, other) < LEAST_OF_EACH:
        return (
            f"Nothing is fitted: {medical} embedded pictures are labelled medical and {other} non-medical; "
            f"{LEAST_OF_EACH} of each are needed."
        )
    groups = data.groups_of(True), data.groups_of(False)
    if min(groups) < LEAST_GROUPS:
        return (
            f"Nothing is fitted: groups of pictures labelled medical: {groups[0]}, non-medical: {groups[1]}; "
            f"{LEAST_GROUPS} of each are needed, so that one can be held back. {WHAT_IS_A_GROUP}"
        )
    labels = dict(zip(data.sha256s, zip(data.is_medical, data.kinds, strict=True), strict=True))
    for fitted in (current, *since):
        if fitted and labels == {sha256: (row.is_medical, row.kind) for sha256, row in fitted.held_back().items()}:
            which = "the model set in use" if fitted is current else f"{fitted.digest}, which stayed out of use,"
            return f"Nothing is fitted: no label is new since {which} was fitted."
    return ""


def nothing_fitted(data: Labelled, reason: str) -> Summary:
    """The summary where nothing was changed."""
    log.info("%s", reason)
    groups = len(np.unique(data.groups))
    return {"sentence": reason, "labels": len(data), "groups": groups, "model_set": "", "is_not_worse": False}


def fit_and_measure(context: Context, data: Labelled, vectors: Mapping[str, Floats], date: str) -> Summary:
    """Fit on these labels, with centres of these vectors (n, d) by encoder, and keep what results; the summary."""
    settings = context.settings
    with workshop(Volume(settings.volume)) as scratch:
        basis, current = basis_of(settings, vectors), current_model_set(settings)
        fits = fitter(settings, basis, data, scratch)
        new = held_back_by_fold(context, fits, data)
        before, unseen = held_back_by_set(context, current, data)
        said = {"new": new, "current": before}
        figures = {name: figures_of(of.probability[unseen], data.is_medical[unseen]) for name, of in said.items()}
        told = _told(data, basis, fits, figures) | {"date": date, "previous": current.digest if current else ""}
        told |= {"compared": int(unseen.sum()), "kinds": kinds_named(data.kinds, said, unseen)}
        files = {
            HELD_BACK: _json(_held_back(data, new)),
            METRICS: _json(told),
            CARD: card_of(settings.profile, told).encode(),
        }
        built = fits.fit(data, files, told["previous"])
        model_set = keep(Volume(settings.volume), built.folder)
    if context.store is not None:
        context.store.register_model_set(record_of_set(model_set))
    sentence, lacking = sentence_of(model_set, told), why_not_in_runs(settings, model_set)
    if lacking:
        sentence, told["is_not_worse"] = f"{sentence} It stays out of use. {lacking}", False
    log.info("%s", sentence)
    return {"sentence": sentence, "model_set": model_set.digest, **told}


def why_not_in_runs(settings: Settings, model_set: ModelSet) -> str:
    """A sentence where runs would be refused with this set: it does not know the recall that is asked for."""
    try:
        at_operating_point(settings, model_set)
    except SettingError as error:
        return str(error)
    return ""


def held_back_by_fold(context: Context, fits: Fitter, data: Labelled) -> Answers:
    """What sets that were fitted without its group say of each labelled picture."""
    said: dict[str, Verdict] = {}
    for number, (fitted, held_back) in enumerate(data.folds(FOLDS), start=1):
        model_set = fits.fit(data.part(fitted))
        verdicts = judge(context.settings, data.part(held_back), model_set)
        said |= {verdict.sha256: verdict for verdict in verdicts}
        context.progress(STEP, number, FOLDS)
    return Answers.of([said[sha256] for sha256 in data.sha256s])


def held_back_by_set(context: Context, model_set: ModelSet | None, data: Labelled) -> tuple[Answers, NDArray[np.bool_]]:
    """What the set in use says of each labelled picture, and whether it said so without knowing its group: (n,).

    Of pictures that it was itself fitted on it knows the labels; for them counts what was said while they were held
    back then, or no later set could ever be as good. Others of their groups it cannot be compared on, unless nothing
    else is left of one side.
    """
    digests = encoder_digests(context.settings)
    # What labels taught a set is not used with other encoders than it was taught with.
    is_usable = model_set is not None and model_set.encoder_digests == digests
    known = model_set.held_back() if model_set and is_usable else {}
    verdicts = judge(context.settings, data, model_set.used_with(digests) if model_set else None)
    said = [_as_held_back(verdict, known.get(verdict.sha256)) for verdict in verdicts]
    was_held_back = np.array([sha256 in known for sha256 in data.sha256s], bool)
    unseen = was_held_back | ~of_seen_groups(context, known, data)
    if len(np.unique(data.is_medical[unseen])) < len(np.unique(data.is_medical)):
        unseen[:] = True
    return Answers.of(said), unseen


def _as_held_back(verdict: Verdict, row: HeldBack | None) -> Verdict:
    if row is None:
        return verdict
    return replace(verdict, probability=row.probability, kind=verdict.kind if row.named is None else row.named)


def of_seen_groups(context: Context, known: Mapping[str, HeldBack], data: Labelled) -> NDArray[np.bool_]:
    """Which labelled pictures are of a group that a set was fitted on, though none of that group be labelled now: (n,).

    Where the set did not keep what its pictures share with others, that is what the store knows of them by now.
    """
    seen = {key for row in known.values() for key in row.shares}
    untold = [sha256 for sha256, row in known.items() if not row.shares]
    if untold and context.store is not None:
        seen |= shares_in_store(context.store, untold)
    rows = zip(data.sha256s, data.shares, strict=True)
    is_seen = np.array([sha256 in known or not seen.isdisjoint(shares) for sha256, shares in rows], bool)
    return np.isin(data.groups, data.groups[is_seen])


def sentence_of(model_set: ModelSet, told: Mapping[str, Any]) -> str:
    """What came of it, in one sentence."""
    held_back, before = (
        f"balanced accuracy {figures['balanced_accuracy']:.3f} and log loss {figures['log_loss']:.3f}"
        for figures in (told["new"], told["current"])
    )
    return (
        f"Model set {model_set.digest} was fitted on {told['labels']} labels of {told['groups']} groups. On "
        f"{told['compared']} labels held back it has {held_back}, the set in use {before}: "
        f"{'it is not worse' if told['is_not_worse'] else 'it is worse and stays out of use'}."
        f"{_of_kinds(told['kinds'])}"
    )


def _of_kinds(told: Mapping[str, float]) -> str:
    if not told["labels"]:
        return ""
    shares = f"{told['new']:.3f}, the set in use {told['current']:.3f}"
    return f" Of {told['labels']} pictures whose kind people named it names so {shares}."


def _told(data: Labelled, basis: Basis, fits: Fitter, figures: dict[str, Figures]) -> dict[str, Any]:
    return {
        "labels": len(data),
        "medical": int(data.is_medical.sum()),
        "groups": len(np.unique(data.groups)),
        "folds": len(list(data.folds(FOLDS))),
        "pictures": basis.pictures,
        "is_learning": fits.is_learning,
        "is_not_worse": is_not_worse(figures["new"], figures["current"]),
        **figures,
    }


def _held_back(data: Labelled, said: Answers) -> dict[str, list[Any]]:
    rows = zip(data.is_medical, said.probability, data.shares, data.kinds, said.kinds, strict=True)
    kept = [HeldBack(bool(label), round(float(p), 6), shares, kind, named) for label, p, shares, kind, named in rows]
    return dict(zip(data.sha256s, [row.stored() for row in kept], strict=True))


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
