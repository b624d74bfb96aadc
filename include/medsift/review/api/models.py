"""Model sets: which there are, how the one in use does on labels, promoted and rolled back."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Path

from medsift.modelsets import ModelSet
from medsift.review.desk import AtDesk, Desk
from medsift.review.identity import Admin, Reader
from medsift.review.measuring import Figures, figures
from medsift.steps.use_model_set import model_sets, promote_model_set, roll_back, rolls_back_to

router = APIRouter(tags=["models"])


@dataclass(frozen=True)
class ShownSet:
    """A model set; `previous` is the one that it was fitted to take the place of, `card` says how it was made.

    `rolls_back_to`, of the set in use for the standing profile, is the one that was in use before it; else empty.
    """

    digest: str
    name: str
    profile: str
    is_used: bool
    previous: str
    card: str
    rolls_back_to: str = ""


@router.get("/models")
def list_models(desk: AtDesk, _: Reader) -> list[ShownSet]:
    """All sets that ship or were fitted, the newest first."""
    return shown_sets(desk)


@router.get("/metrics")
def metrics(desk: AtDesk, _: Reader) -> Figures:
    """The set in use against people's labels; labels that it was fitted with count too, and flatter it."""
    return figures(desk.store.judged_labels())


@router.post("/models/rollback")
def rollback(desk: AtDesk, _: Admin) -> ShownSet:
    """Put the set into use again that was in use before the present one."""
    return _shown(roll_back(desk.settings, desk.store).model_set, is_used=True)


@router.post("/models/{digest}/promote")
def promote(desk: AtDesk, _: Admin, digest: Annotated[str, Path(pattern="^[0-9a-f]{6,64}$")]) -> ShownSet:
    """Put the set whose digest begins so into use for its profile."""
    return _shown(promote_model_set(desk.settings, digest, desk.store), is_used=True)


def shown_sets(desk: Desk) -> list[ShownSet]:
    """All sets, the newest first."""
    before, profile = rolls_back_to(desk.settings), desk.settings.profile
    leads_to = {profile: before.digest} if before else {}
    return [
        replace(_shown(each, is_used), rolls_back_to=leads_to.get(each.profile, "") if is_used else "")
        for is_used, each in reversed(model_sets(desk.settings))
    ]


def _shown(model_set: ModelSet, is_used: bool) -> ShownSet:
    card = model_set.card.read_text(encoding="utf-8")
    return ShownSet(model_set.digest, model_set.name, model_set.profile, is_used, model_set.previous, card)
